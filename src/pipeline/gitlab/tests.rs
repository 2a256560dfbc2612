//! What GitLab CI does with a job, and what becomes of it here, in a real shell.

use crate::pipeline::testing::Case;

const PATH: &str = ".gitlab-ci.yml";

fn case(text: &str) -> Case {
    Case::new(PATH, "down", text)
}

fn out(code: i32, text: &str) -> (i32, String) {
    (code, text.to_owned())
}

#[test]
fn scripts_share_a_shell_that_minds_pipes() {
    let text = "default: { before_script: [ 'A=set; cd sub' ] }\ndown:\n  script:\n    - cat file\n    - - echo $A\n      - |\n        false | cat\n        echo on\n";
    assert_eq!(case(text).run(), out(1, "below\nset\n"));
    assert_eq!(case("down: { before_script: [], script: 'exit 3' }").run(), out(3, ""));
}

#[test]
fn after_script_runs_in_its_own_shell_and_decides_nothing() {
    let text = "down:\n  script: [ 'A=set; cd sub', 'exit 4' ]\n  after_script: [ 'echo \"[$A] $CI_JOB_STATUS\"; cat sub/file', 'false', 'echo no' ]\n";
    let said = "[] failed\nbelow\nafter_script failed, which does not fail the job\n";
    assert_eq!(case(text).run(), out(4, said));
    assert_eq!(case(&text.replace("'exit 4'", "'true'")).run().0, 0);
    let default = "default: { after_script: [ echo after ] }\ndown: { script: [ echo on ] }\n";
    assert_eq!(case(default).run(), out(0, "on\nafter\n"));
    let own = default.replace("script: [ echo on ]", "script: [ echo on ], after_script: []");
    assert_eq!(case(&own).run(), out(0, "on\n"));
    let none = default.replace("script: [ echo on ]", "script: [ echo on ], inherit: { default: false }");
    assert_eq!(case(&none).run(), out(0, "on\n"));
}

#[test]
fn the_pipeline_goes_on_where_the_job_may_fail() {
    let goes_on = "the job failed with exit code 7, and the pipeline goes on\n";
    for (allowed, code) in [
        ("true", 0),
        ("false", 7),
        ("{ exit_codes: 7 }", 0),
        ("{ exit_codes: [1, 7] }", 0),
        ("{ exit_codes: [1] }", 7),
    ] {
        let said = if code == 0 { goes_on } else { "" };
        assert_eq!(
            case(&format!("down: {{ script: exit 7, allow_failure: {allowed} }}")).run(),
            out(code, said),
            "{allowed}"
        );
    }
    assert_eq!(
        case("down: { script: exit 7, when: manual }").run().0,
        7,
        "a rollback by hand that failed is no success"
    );
}

#[test]
fn variables_are_merged_before_they_are_filled_in() {
    let text = "\
variables:
  URL: https://$STAGE.test/${NAME}
  NAME: { value: shop, description: what }
  STAGE: top
  RAW: { value: $STAGE, expand: false }
  MONEY: $$5
.base: { variables: { STAGE: base, MORE: more } }
down:
  extends: .base
  variables: { STAGE: mine }
  script: [ 'echo $URL $MORE \"$RAW\" \"$MONEY\"' ]
";
    assert_eq!(case(text).run(), out(0, "https://mine.test/shop more $STAGE $5\n"));
    let outside = case(text).variable("STAGE", "staging").around("NAME", "lost");
    assert_eq!(outside.run().1, "https://staging.test/shop more $STAGE $5\n", "the project's own win");
    let none = text.replace("extends: .base", "inherit: { variables: [NAME, STAGE] }");
    assert_eq!(case(&none).run().1, " \n", "neither `.base` nor the variables that are not listed");
}

#[test]
fn what_variables_need_is_known_or_said() {
    let text = "variables: { IMAGE: '$CI_REGISTRY_IMAGE:1', PATH: '$PATH:/x', A: $B, B: $A, N: yes, O: 0644, F: 3.10 }\ndown: { script: [ 'echo $CI_COMMIT_SHA ${CI_COMMIT_TAG:-}', 'echo $CI_JOB_NAME' ] }\n";
    assert_eq!(
        case(text).mistakes(),
        [
            "1: GitLab reads `yes` as true",
            "1: GitLab reads `0644` as 420",
            "1: GitLab reads `3.10` as 3.1",
            "1: `$CI_REGISTRY_IMAGE` is not known here",
            "1: `PATH` refers to itself, and GitLab then fills in nothing",
            "1: `A` refers to itself, and GitLab then fills in nothing",
            "1: `B` refers to itself, and GitLab then fills in nothing",
            "2: `$CI_COMMIT_SHA` is not known here",
            "2: `$CI_COMMIT_TAG` is not known here",
        ]
    );
}

#[test]
fn files_of_the_repository_are_included() {
    let text = "\
include:
  - local: /ci/base.yml
  - { local: 'ci/parts/*.yml' }
  - { local: ci/never.yml, rules: [ { if: '$CI_JOB_NAME == \"other\"' } ] }
variables: { B: mine }
down:
  extends: [.one, .two]
  script: [ !reference [.one, script], 'echo $A $B $C' ]
  after_script: !reference [.two, after_script]
";
    let case = || {
        case(text)
            .file(
                "/r/ci/base.yml",
                "include: ci/deeper.yml\nvariables: { A: base, B: base }\ndown: { variables: { C: base } }\n",
            )
            .file("/r/ci/deeper.yml", "variables: { A: deep }\ndefault: { before_script: [ echo before ] }\n")
            .file("/r/ci/parts/one.yml", ".one: { script: [ echo one ], variables: { C: one } }\n")
            .file(
                "/r/ci/parts/two.yml",
                ".two: { extends: .three, script: [ echo two ] }\n.three: { after_script: [ echo after ] }\n",
            )
    };
    assert_eq!(case().run(), out(0, "before\none\nbase mine base\nafter\n"));
    assert_eq!(case().read().sources.len(), 4);
    let gone = super::tests::case("include: ci/gone.yml\ndown: { script: x, extends: .gone }\n");
    assert_eq!(
        gone.mistakes(),
        ["1: `r/ci/gone.yml` does not exist", "2: there is no job `.gone` to extend"]
    );
    let circle = super::tests::case("include: a.yml\ndown: { script: x }\n")
        .file("/r/a.yml", "include: a.yml\nb: {}\n");
    assert_eq!(circle.mistakes(), ["1: too many files include each other"]);
}

#[test]
fn what_stands_elsewhere_is_refused_or_skipped_by_name() {
    let text = "\
include:
  - template: Security/SAST.gitlab-ci.yml
  - { project: us/ci, file: [a.yml, b.yml], ref: main }
  - remote: https://ci.test/x.yml
  - component: ci.test/c@1
down: { script: [ echo on ] }
";
    let all = case(text);
    assert_eq!(all.mistakes().len(), 4);
    assert_eq!(
        all.mistakes()[0],
        "2: `Security/SAST.gitlab-ci.yml` is not in this repository, and could bring anything into the job"
    );
    let skipped = all
        .skip("Security/SAST.gitlab-ci.yml", &[])
        .skip("us/ci", &[])
        .skip("https://ci.test/x.yml", &[])
        .skip("ci.test/c@1", &[]);
    assert_eq!(skipped.run(), out(0, "on\n"));
    let passed: Vec<String> = skipped.read().passed_over.into_iter().map(|it| it.what).collect();
    assert_eq!(passed[1], "include us/ci");
}

#[test]
fn the_rule_that_holds_brings_its_variables() {
    let text = "\
variables: { FLAG: 'on' }
workflow:
  rules:
    - { if: $FLAG == \"off\", variables: { W: off } }
    - { variables: { W: workflow, V: workflow } }
down:
  variables: { V: job }
  rules:
    - { if: '$BRANCH == \"main\"', variables: { V: main }, allow_failure: true }
    - { if: '$BRANCH == \"next\"', when: never }
    - { if: $BRANCH, when: manual }
  script: [ 'echo $V $W', 'exit 1' ]
";
    let on = |branch: &str| case(text).variable("BRANCH", branch);
    assert_eq!(on("main").run().0, 0);
    assert!(on("main").run().1.starts_with("main workflow\n"));
    assert_eq!(on("fix").run(), out(1, "job workflow\n"));
    let never = "9: the pipeline would not run this job: no rule holds with what is known";
    assert_eq!(on("next").mistakes(), [never]);
    assert_eq!(on("").mistakes(), [never]);
    assert_eq!(
        case(text).mistakes(),
        ["9: which rule holds is not known here, and they bring different things to the job"]
    );
    assert_eq!(case(text).help(), ["set `BRANCH` under `env` beside `job`"]);
    let alike =
        "down:\n  rules: [ { if: $CI_COMMIT_TAG }, { changes: [x], when: manual } ]\n  script: [ echo on ]\n";
    assert_eq!(case(alike).run(), out(0, "on\n"), "when it runs is the scenario's to say");
}

#[test]
fn other_jobs_hand_on_their_variables() {
    let text = "\
stages: [build, deploy]
build: { stage: build, script: [x], artifacts: { reports: { dotenv: build.env }, paths: [out] } }
late: { stage: deploy, script: [x], artifacts: { reports: { dotenv: late.env } } }
down:
  stage: deploy
  variables: { PLACE: mine, URL: '$VERSION/$PLACE' }
  script: [ 'echo $VERSION $PLACE $URL' ]
";
    assert_eq!(case(text).run(), out(0, "7 from build 7/from build\n"));
    assert_eq!(case(text).variable("PLACE", "outside").run().1, "7 outside 7/outside\n");
    let what: Vec<String> = case(text).read().passed_over.into_iter().map(|it| it.what).collect();
    assert_eq!(what, ["artifacts of build"]);
    let needs = |needs: &str| {
        case(&text.replace("  script: [ 'echo", &format!("  needs: {needs}\n  script: [ 'echo")))
    };
    assert_eq!(needs("[ { job: build, artifacts: false } ]").mistakes(), ["6: `$VERSION` is not known here"]);
    let (code, said) = needs("[late]").run();
    assert!(
        code == 1 && said.starts_with("the job late hands on late.env, and there is no such file in "),
        "{said}"
    );
    assert_eq!(needs("[build]").skip("build", &[]).variable("VERSION", "1").run().1, "1 mine 1/mine\n");
    assert_eq!(
        needs("[gone]").mistakes()[0],
        "7: what `gone` hands on is not known here: there is no such job"
    );
    assert_eq!(
        needs("[ { project: a/b, job: c, artifacts: true } ]").mistakes()[0],
        "7: what `a/b` hands on is not known here"
    );
}

#[test]
fn a_job_without_the_repository_has_no_files() {
    let text = "down:\n  variables: { GIT_STRATEGY: none }\n  script: [ 'ls | wc -l' ]\n";
    assert_eq!(case(text).run().1.trim(), "0");
    let handed = "build: { stage: build, script: [x], artifacts: { paths: [out] } }\n";
    assert_eq!(
        case(&format!("{handed}{text}")).mistakes(),
        ["3: with GIT_STRATEGY `none` only these files are there"]
    );
}

#[test]
fn what_only_gitlab_can_bring_is_said() {
    let text = "\
.hidden: { script: [x] }
down:
  id_tokens: { TOKEN: { aud: x } }
  parallel: { matrix: [ { PART: [a, b] } ] }
  release: { tag_name: v1 }
  trigger: us/other
  hooks: { pre_get_sources_script: [x] }
  retry: 2
  services: [postgres]
  when: never
  whatever: 1
  timeout: 1h 30m
  script: [ 'a: b', { c: d } ]
";
    assert_eq!(
        case(text).mistakes(),
        [
            "4: which `PART` the job gets is not known here",
            "3: which `TOKEN` the job gets is not known here",
            "7: `hooks` of a job is not known here",
            "11: `whatever` of a job is not known here",
            "7: `hooks` are not run here",
            "6: the job starts another pipeline",
            "10: the pipeline would never run this job",
            "5: only GitLab itself makes a `release`",
            "13: a command is a text",
        ]
    );
    let named = Case::new(PATH, ".hidden", text);
    assert!(named.mistakes()[0].starts_with("1: there is no job `.hidden`"));
    let fine = case(
        "down: { script: [ x ], timeout: 1h 30m, retry: 2, services: [postgres], environment: { name: prod } }",
    );
    let job = fine.read();
    assert_eq!((job.timeout.map(|time| time.as_secs()), job.passed_over.len()), (Some(5400), 2));
    assert!(job.script.contains("export CI_ENVIRONMENT_NAME=\"prod\""), "{}", job.script);
}

#[test]
fn a_variable_that_nothing_sets_is_said() {
    let text = "variables: { A: a }\ndown:\n  script:\n    - 'for HOST in x; do B=1; done; read -r D <<<x; echo $A $B $HOST $D $HOME ${E:-e} $MISSING'\n";
    let said = |case: Case| case.read().passed_over.into_iter().map(|it| it.what).collect::<Vec<_>>();
    assert_eq!(said(case(text)), ["$MISSING"]);
    assert!(said(case(text).around("MISSING", "")).is_empty());
}

#[test]
fn files_take_inputs() {
    let main = "\
spec:
  inputs:
    place: { options: [staging, production] }
    job: { default: down }
---
include: { local: ci/part.yml, inputs: { to: 'host-$[[ inputs.place ]]', on: true } }
$[[ inputs.job ]]:
  extends: .part
  variables: { PLACE: '$[[ inputs.place | expand_vars ]]' }
";
    let part = "\
spec:
  inputs: { to: {}, on: { type: boolean }, list: { type: array, default: [echo a, echo b] } }
---
.part: { script: ['echo $[[ inputs.to ]] $PLACE', '$[[ inputs.list ]]'], allow_failure: '$[[ inputs.on ]]', after_script: '$[[ inputs.list ]]' }
";
    let given = |place: &str| {
        case(main).file("/r/ci/part.yml", part).given("inputs", serde_json::json!({ "place": place }))
    };
    assert_eq!(given("staging").run(), out(0, "host-staging staging\na\nb\na\nb\n"));
    assert_eq!(given("nowhere").mistakes(), ["3: the input `place` does not take `nowhere`, which is given"]);
    let odd = case("down: { script: x }").given("inputs", serde_json::json!({ "place": 1 }));
    assert_eq!(odd.mistakes(), ["1: the file takes no input `place`, which is given"]);
    let none = case(main).file("/r/ci/part.yml", part);
    assert_eq!(none.mistakes()[0], "3: the input `place` is not given");
    let bad = case("spec: { inputs: {} }\n---\ndown: { script: 'echo $[[ inputs.x | truncate(0,1) ]]' }\n");
    assert_eq!(bad.mistakes(), ["3: `inputs.x | truncate(0,1)` is not filled in here"]);
}

#[test]
fn what_is_not_written_out_is_not_taken_for_nothing() {
    let text = "default: [A]\nworkflow: x\ndown: { script: x, variables: $ALL, needs: build, rules: x }\nempty: { script: }\n";
    assert_eq!(
        case(text).mistakes(),
        [
            "1: `default` is no mapping here",
            "2: `workflow` is no mapping here",
            "3: `variables` is no mapping here",
            "3: `needs` is no list here",
            "3: `rules` is no list here",
            "3: the pipeline would not run this job: no rule holds with what is known"
        ]
    );
    assert_eq!(
        Case::new(PATH, "empty", "empty: { script: }\n").mistakes(),
        ["1: the job `empty` has no `script`"]
    );
}
