//! What GitHub Actions does with a job, and what becomes of it here, in a real shell.

use serde_json::json;

use crate::pipeline::testing::{Case, on_main};

const PATH: &str = ".github/workflows/deploy.yml";

/// A job `down` of these steps, under what stands at the workflow's top.
fn case(top: &str, steps: &str) -> Case {
    let steps: String = steps.lines().map(|line| format!("      {line}\n")).collect();
    Case::new(
        PATH,
        "down",
        &format!("on: workflow_dispatch\n{top}\njobs:\n  down:\n    runs-on: x\n    steps:\n{steps}"),
    )
}

fn said(steps: &str) -> (i32, String) {
    case("", steps).run()
}

fn out(code: i32, text: &str) -> (i32, String) {
    (code, text.to_owned())
}

#[test]
fn only_a_named_bash_minds_a_pipe() {
    let piped = "- run: |\n    false | cat\n    echo on";
    assert_eq!(said(piped), out(0, "on\n"));
    assert_eq!(case("defaults: { run: { shell: bash } }", piped).run(), out(1, ""));
    assert_eq!(said("- { run: 'false | cat; echo on', shell: bash }"), out(1, ""));
    assert_eq!(
        case("defaults: { run: { shell: bash } }", "- { run: 'false | cat', shell: sh }").run(),
        out(0, "")
    );
    assert_eq!(said("- { run: 'false; echo on', shell: 'bash {0}' }"), out(0, "on\n"), "no -e of its own");
    assert_eq!(
        said("- { run: 'echo ${0##*/}; shopt -q login_shell || echo no', shell: bash }").1,
        "step\nno\n"
    );
    assert_eq!(said("- { run: 'print(1 + 1)', shell: 'python3 {0}' }"), out(0, "2\n"));
}

#[test]
fn the_shell_of_a_container_is_sh() {
    let text = "jobs:\n  down:\n    container: alpine\n    steps:\n      - run: false | true; echo ${BASH_VERSION:-none}\n";
    let job = Case::new(PATH, "down", text).read();
    assert!(job.script.contains("run sh -e '{0}'"), "{}", job.script);
    assert_eq!(job.passed_over[0].what, "container");
}

#[test]
fn the_first_step_that_fails_ends_the_job_but_for_those_that_ask() {
    let steps = "\
- run: exit 3
- run: echo not here
- run: echo failed
  if: failure()
- run: echo always
  if: ${{ always() }}
- run: echo no
  if: success()
- run: echo ${{ job.status }}
  if: '!success()'";
    assert_eq!(said(steps), out(3, "failed\nalways\nfailure\n"));
}

#[test]
fn a_step_may_fail_where_it_says_so() {
    let steps = "\
- { run: exit 4, continue-on-error: true, id: a }
- run: echo ${{ steps.A.outcome }} ${{ steps.a.conclusion }}";
    assert_eq!(said(steps), out(0, "failure success\n"));
    let job = "jobs:\n  down:\n    continue-on-error: true\n    steps:\n      - run: exit 4\n";
    let (code, said) = Case::new(PATH, "down", job).run();
    assert_eq!((code, said.trim()), (0, "the job failed with exit code 4, and the workflow goes on"));
}

#[test]
fn folders_are_those_of_the_step_of_the_job_or_of_the_workflow() {
    let top = "defaults: { run: { working-directory: sub } }";
    assert_eq!(case(top, "- run: cat file").run(), out(0, "below\n"));
    assert_eq!(case(top, "- { run: cat sub/file, working-directory: . }").run(), out(0, "below\n"));
    let (code, _) = case("", "- { run: echo, working-directory: gone }").run();
    assert_eq!(code, 1);
    let job = "defaults: { run: { working-directory: gone } }\njobs:\n  down:\n    defaults: { run: { working-directory: sub } }\n    steps: [ { run: cat file } ]\n";
    assert_eq!(Case::new(PATH, "down", job).run(), out(0, "below\n"));
}

#[test]
fn steps_hand_on_variables_outputs_and_paths() {
    let steps = "\
- run: |
    echo \"A=one = two\" >> $GITHUB_ENV
    printf 'B<<EOF\\nx\\n y=1\\nEOF\\n' >> \"$GITHUB_ENV\"
    echo \"now: [$A]\"
- run: echo \"$A|$B|${{ env.A }}\"
- id: v
  run: |
    echo \"tag=v1\" >> \"$GITHUB_OUTPUT\"
    mkdir bin; printf '#!/bin/sh\\necho ran' > bin/tool; chmod +x bin/tool; echo \"$PWD/bin\" >> \"$GITHUB_PATH\"
- run: tool; echo '${{ steps.v.outputs.tag }}' ${{ steps.v.outputs.none }}.";
    assert_eq!(said(steps), out(0, "now: []\none = two|x\n y=1|one = two\nran\nv1 .\n"));
    let (code, said) = said("- run: echo nonsense >> $GITHUB_ENV\n- run: echo on");
    assert_eq!((code, said.as_str()), (1, "neither NAME=VALUE nor NAME<<END: nonsense\n"));
    let open = "- run: printf 'B<<EOF\\nx\\n' >> $GITHUB_ENV";
    assert_eq!(case("", open).run(), out(1, "B: the line EOF is missing\n"));
}

#[test]
fn what_a_failed_step_has_handed_on_is_there() {
    let steps = "- { id: a, run: echo x=1 >> $GITHUB_OUTPUT; exit 1 }\n- { run: 'echo ${{ steps.a.outputs.x }}', if: always() }";
    assert_eq!(said(steps), out(1, "1\n"));
}

#[test]
fn variables_hold_for_the_workflow_the_job_or_the_step() {
    let text = "env: { A: top, B: top, C: top }\njobs:\n  down:\n    env: { B: job, C: job }\n    steps:\n      \
                - { run: 'echo $A $B $C', env: { C: step } }\n      - run: echo $C ${{ env.B }}\n";
    assert_eq!(Case::new(PATH, "down", text).run(), out(0, "top job step\njob job\n"));
    assert_eq!(
        said("- { run: 'echo \"$A\"', env: { A: \"it's $HOME `id` \\\"\" } }"),
        out(0, "it's $HOME `id` \"\n")
    );
}

#[test]
fn secrets_reach_a_step_only_where_they_are_handed_to_it() {
    let steps = "\
- run: echo \"[$TOKEN]\"
- { run: 'echo \"[$TOKEN] $MINE\"', env: { TOKEN: '${{ secrets.TOKEN }}', MINE: 'a-${{ vars.PLACE }}' } }
- run: echo '${{ secrets.TOKEN }}'
- { run: echo set, env: { T: '${{ secrets.TOKEN }}' }, if: env.T != '' }";
    let case = case("", steps).variable("TOKEN", "s'3 $x & `y`").around("PLACE", "b");
    let quoted = case.run();
    // A quote in a secret ends the shell's own, as it would at GitHub: the text goes into the script as it is.
    assert_ne!(quoted.0, 0);
    let plain = case.variable("TOKEN", "s3 $x & `y`").run();
    assert_eq!(plain, out(0, "[]\n[s3 $x & `y`] a-b\ns3 $x & `y`\nset\n"));
}

#[test]
fn inputs_are_given_or_have_their_defaults() {
    let on = "on:\n  workflow_dispatch:\n    inputs:\n      tag: { required: true }\n      dry: { type: boolean }\n      \
              to: { type: choice, options: [staging, production] }\n      from: { default: v0 }\n";
    let steps = "\
jobs:
  down:
    steps:
      - run: echo ${{ inputs.tag }} ${{ github.event.inputs.from }} ${{ inputs.to || 'x' }} ${{ inputs.dry }}
      - { run: echo dry, if: inputs.dry }
      - { run: echo wet, if: '${{ !inputs.dry }}' }
      - { run: echo text, if: \"github.event.inputs.dry == 'false'\" }
";
    let case = || Case::new(PATH, "down", &format!("{on}{steps}"));
    assert_eq!(
        case().given("inputs", json!({ "tag": "v1" })).run(),
        out(0, "v1 v0 staging false\nwet\ntext\n")
    );
    assert_eq!(case().mistakes(), ["11: the input `tag` is required and not given"]);
    assert_eq!(case().help(), ["say it in the scenario: `given: { inputs: { tag: … } }`"]);
}

#[test]
fn an_input_takes_only_what_it_allows() {
    let text = "on:\n  workflow_dispatch:\n    inputs:\n      to: { type: choice, options: [staging, production] }\n      \
                dry: { type: boolean }\n      tag: {}\njobs:\n  down:\n    steps:\n      - { run: 'echo dry', if: 'inputs.dry == \
                true' }\n      - run: echo ${{ inputs.to }} ${{ inputs.tag }}\n";
    let with = |inputs: serde_json::Value| Case::new(PATH, "down", text).given("inputs", inputs);
    let right = with(json!({ "to": "production", "dry": "true", "tag": 7 }));
    assert_eq!(right.run(), out(0, "dry\nproduction 7\n"));
    let wrong = with(json!({ "to": "prodction", "dry": "maybe", "tga": 1 }));
    assert_eq!(
        wrong.mistakes(),
        [
            "5: the input `dry` does not take `maybe`, which is given",
            "2: the workflow takes no input `tga`, which is given",
            "4: the input `to` does not take `prodction`, which is given"
        ]
    );
    assert_eq!(wrong.help(), ["did you mean `tag`?", "did you mean `production`?"]);
}

#[test]
fn what_github_says_of_a_run_is_given() {
    let steps = "- run: echo ${{ github.ref_name }} $GITHUB_REF_NAME $GITHUB_SHA ${{ github.event_name }} ${{ github.event.a.b }} ${{ github.event.a.list[1] }}";
    let mut github = on_main();
    github["event"] = json!({ "a": { "b": 7, "list": ["x", "y"] } });
    assert_eq!(
        case("", steps).given("github", github).run(),
        out(0, "main main abc workflow_dispatch 7 y\n")
    );
    assert_eq!(
        case("", steps).mistakes(),
        [
            "7: `$GITHUB_REF_NAME` is not known here",
            "7: `$GITHUB_SHA` is not known here",
            "7: `github.ref_name` is not known here",
            "7: `github.event.a.b` is not known here",
            "7: `github.event.a.list.1` is not known here",
        ]
    );
    assert_eq!(
        case("", steps).help()[3],
        "say it in the scenario: `given: { github: { event: { a: { b: … } } } }`"
    );
}

#[test]
fn every_obstacle_of_a_job_is_said_at_once() {
    let steps = "\
- uses: docker/login-action@v3
- uses: actions/checkout@v4
  with: { ref: v1.4.0, fetch-depth: 0 }
- run: echo ${{ secrets.KEY }} ${{ needs.build.outputs.tag }}
- run: echo ${{ secrets.KEY }}
- { run: x, shell: pwsh }
- run: echo \"::set-output name=a::b\"
- { run: x, if: '${{ env.A }} == b' }
- { run: x, wait: 3 }
- { run: x, env: { V: 1.10 } }
- run: echo ${{ hashFiles('a') }}";
    assert_eq!(
        case("", steps).mistakes(),
        [
            "7: the action `docker/login-action@v3` cannot be run outside of GitHub",
            "9: `ref: v1.4.0` checks out other files than `runner` has",
            "10: `secrets.KEY` is no variable of `runner`",
            "10: `needs.build.outputs.tag` is not known here",
            "12: the shell `pwsh` is not run here",
            "13: `::set-output` is an old command, and not heard here",
            "14: text beside an expression makes an `if` always true",
            "15: `wait` of a step is not known here",
            "16: GitHub reads `1.10` as the number 1.1",
            "17: the function `hashfiles` is not evaluated",
        ]
    );
}

#[test]
fn a_step_that_only_the_service_can_do_is_skipped_by_name() {
    let steps = "\
- { uses: aws/login@v2, id: ecr }
- { uses: docker/login-action@v3, name: Log in }
- run: echo ${{ steps.ecr.outputs.registry }} ${{ steps.ecr.outcome }}";
    let skipped = case("", steps).skip("aws/login", &[("registry", "local:5000")]).skip("Log in", &[]);
    assert_eq!(skipped.run(), out(0, "local:5000 success\n"));
    let job = skipped.read();
    let passed: Vec<String> =
        job.passed_over.iter().map(|it| format!("{} {}", it.at.line, it.what)).collect();
    assert_eq!(passed[..2], ["7 aws/login@v2", "8 Log in"]);
    let without = case("", steps).skip("ecr", &[]).skip("Log in", &[]).skip("Lock in", &[]);
    assert_eq!(
        without.mistakes(),
        ["9: `steps.ecr.outputs.registry` is an output of a step that is passed over"]
    );
    let unused = skipped.skip("Lock in", &[]).read();
    assert_eq!((unused.unused, unused.names.contains(&"Log in".to_owned())), (vec![2], true));
    assert_eq!(
        case("", "- uses: a/b@v1").skip("a/b", &[]).mistakes(),
        ["7: nothing of the job `down` is left to run"]
    );
}

#[test]
fn a_cache_is_empty_and_an_upload_keeps_nothing() {
    let steps = "\
- { uses: actions/cache@v4, id: c, with: { path: x, key: y } }
- { run: echo made, if: \"steps.c.outputs.cache-hit != 'true'\" }
- { uses: actions/upload-artifact@v4, if: always() }";
    let case = case("", steps);
    assert_eq!(case.run(), out(0, "made\n"));
    let passed: Vec<String> = case.read().passed_over.into_iter().map(|it| it.what).collect();
    assert_eq!(
        passed,
        ["actions/cache@v4", "the empty folder that GitHub begins with", "actions/upload-artifact@v4"]
    );
}

#[test]
fn files_that_no_step_has_checked_out_are_said() {
    let said = |steps: &str| {
        let passed = case("", steps).skip("actions/checkout", &[]).read().passed_over.into_iter();
        passed.map(|it| (it.at.line, it.what)).collect::<Vec<_>>()
    };
    let without = || (7, "the empty folder that GitHub begins with".to_owned());
    assert_eq!(said("- run: cat sub/file\n- run: cat sub/file"), [without()]);
    assert_eq!(said("- run: echo\n- uses: actions/checkout@v4\n- run: cat sub/file")[0], without());
    assert_eq!(
        said("- uses: actions/checkout@v4\n- run: cat sub/file"),
        [(7, "actions/checkout@v4".to_owned())]
    );
    assert!(case("", "- uses: actions/checkout@v4\n- run: cat sub/file").read().passed_over.is_empty());
}

#[test]
fn the_whole_of_a_context_is_only_what_is_known_of_it() {
    let on = "on: { workflow_dispatch: { inputs: { a: {}, b: { default: x } } } }";
    let text = |name: &str| {
        format!("{on}\njobs:\n  down:\n    steps:\n      - run: echo '${{{{ toJSON({name}) }}}}'\n")
    };
    let inputs = Case::new(PATH, "down", &text("inputs")).given("inputs", json!({ "a": "1" }));
    assert_eq!(inputs.run(), out(0, "{\n  \"a\": \"1\",\n  \"b\": \"x\"\n}\n"));
    let github = Case::new(PATH, "down", &text("github")).given("github", on_main());
    assert_eq!(github.mistakes(), ["5: not all of `github` is known here"]);
}

#[test]
fn a_checkout_of_what_is_there_is_one() {
    let steps = "- uses: actions/checkout@v4\n  with: { ref: '${{ github.sha }}', fetch-depth: 0, path: . }\n- run: echo on";
    assert_eq!(case("", steps).run(), out(0, "on\n"));
    let text = "on: { workflow_dispatch: { inputs: { ref: {} } } }\njobs:\n  down:\n    steps:\n      - { uses: actions/checkout@v4, with: { ref: '${{ inputs.ref }}' } }\n      - run: echo on\n";
    let with = |tag: &str| {
        Case::new(PATH, "down", text).given("github", on_main()).given("inputs", json!({ "ref": tag }))
    };
    assert_eq!(with("main").run(), out(0, "on\n"));
    assert_eq!(
        with("v1").mistakes(),
        ["5: `ref: ${{ inputs.ref }}` checks out other files than `runner` has"]
    );
}

const ACTION: &str = "\
inputs:
  Tag: { required: true }
  where: { default: here }
outputs:
  said: { value: '${{ steps.say.outputs.said }}-${{ inputs.where }}' }
runs:
  using: composite
  steps:
    - id: say
      shell: bash
      run: |
        echo \"said=${{ inputs.tag }}\" >> \"$GITHUB_OUTPUT\"
        echo \"$OUTER ${GITHUB_ACTION_PATH#$GITHUB_WORKSPACE/} ${{ steps.outer.outputs.x }}.\"
    - { shell: bash, run: exit 2, if: inputs.where == 'there' }
    - { shell: bash, run: echo cleared, if: failure() }
    - { shell: bash, run: 'echo job ${{ job.status }}', if: always() }
";

#[test]
fn an_action_of_the_repository_is_its_steps() {
    let steps = "\
- { id: outer, run: echo x=1 >> $GITHUB_OUTPUT }
- { id: a, uses: ./.github/actions/say, with: { tag: v1 }, env: { OUTER: out } }
- run: echo ${{ steps.a.outputs.said }} ${{ steps.a.outcome }} [$OUTER]
- { id: b, uses: ./.github/actions/say, with: { tag: v2, where: there } }
- run: echo not here
- { run: 'echo ${{ steps.b.outcome }}', if: failure() }
- { uses: ./.github/actions/say, if: always(), with: { tag: v3 } }";
    let case = case("", steps).file("/r/.github/actions/say/action.yml", ACTION);
    let said = "out .github/actions/say .\njob success\nv1-here success []\n .github/actions/say .\ncleared\njob success\nfailure\n\
                \x20.github/actions/say .\njob failure\n";
    assert_eq!(case.run(), out(2, said));
    assert_eq!(case.read().sources.len(), 1, "a file is one, however often it is used");
}

#[test]
fn an_action_that_is_a_program_is_not_run() {
    let case =
        case("", "- uses: ./do\n- run: x").file("/r/do/action.yml", "runs: { using: node20, main: x.js }\n");
    assert_eq!(case.mistakes(), ["7: the action `./do` runs as `node20`, which is not run here"]);
    let gone = super::tests::case("", "- uses: ./gone\n- run: x");
    assert_eq!(gone.mistakes(), ["7: `r/gone/action.yml` does not exist"]);
}

#[test]
fn a_workflow_that_a_job_uses_is_its_job() {
    let inner = "\
on:
  workflow_call:
    inputs: { to: { type: string, required: true }, dry: { type: boolean, default: false } }
    secrets: { key: { required: true } }
env: { TOP: inner }
jobs:
  roll:
    steps:
      - { run: 'echo ${{ inputs.to }} ${{ inputs.dry }} $K ${{ secrets.other }}. $TOP', env: { K: '${{ secrets.key }}' } }
  other:
    steps: [ { run: echo other } ]
";
    let outer = "\
on: { workflow_dispatch: { inputs: { place: { default: staging } } } }
env: { TOP: outer }
jobs:
  down:
    uses: ./.github/workflows/roll.yml
    with: { to: '${{ inputs.place }}', dry: true }
    secrets: { key: '${{ secrets.PROD_KEY }}' }
";
    let case = |job: &str| {
        let case = Case::new(PATH, job, outer).file("/r/.github/workflows/roll.yml", inner);
        case.variable("PROD_KEY", "k")
    };
    assert_eq!(case("down/roll").run(), out(0, "staging true k . inner\n"));
    assert_eq!(case("down / other").run(), out(0, "other\n"));
    assert_eq!(case("down").mistakes(), ["5: the workflow that `down` uses has 2 jobs"]);
    assert_eq!(case("down").help(), ["say which is drilled: `down/roll`, `down/other`"]);
    let unknown = outer.replace("${{ inputs.place }}", "${{ needs.build.outputs.to }}");
    let unknown = Case::new(PATH, "down/roll", &unknown).file("/r/.github/workflows/roll.yml", inner);
    let said = "6: `needs.build.outputs.to` is not known here";
    assert_eq!(
        unknown.variable("PROD_KEY", "k").mistakes(),
        [said],
        "and no word of an input that is missing"
    );
    let elsewhere = outer.replace("./.github", "a/b/.github");
    assert_eq!(
        Case::new(PATH, "down", &elsewhere).variable("PROD_KEY", "k").mistakes(),
        ["5: the workflow `a/b/.github/workflows/roll.yml` is not in this repository"]
    );
}

#[test]
fn a_job_that_would_not_run_is_not_drilled() {
    let text = |condition: &str| {
        format!(
            "on: [push, workflow_dispatch]\njobs:\n  down:\n    if: {condition}\n    steps: [ {{ run: echo on }} ]\n"
        )
    };
    let case = |condition: &str| Case::new(PATH, "down", &text(condition)).given("github", on_main());
    for runs in [
        "failure()",
        "always() && needs.deploy.result == 'failure'",
        "github.ref == 'refs/heads/main'",
        "github.event_name == 'push'",
        "${{ failure() && github.ref_name == 'main' }}",
    ] {
        assert_eq!(case(runs).run(), out(0, "on\n"), "{runs}");
    }
    for never in ["false", "github.ref_name == 'next'", "failure() && github.sha == 'x'"] {
        let said = "4: the pipeline would not run `down`: its `if` is false with what is given";
        assert_eq!(case(never).mistakes(), [said], "{never}");
    }
    let failed =
        case("needs.deploy.result == 'success'").given("needs", json!({ "deploy": { "result": "failure" } }));
    assert_eq!(failed.mistakes().len(), 1);
}

#[test]
fn one_of_a_matrix_is_named() {
    let text = "jobs:\n  down:\n    strategy: { matrix: { part: [a, b] } }\n    steps: [ { run: 'echo ${{ matrix.part }}' } ]\n";
    let case = || Case::new(PATH, "down", text);
    assert_eq!(case().given("matrix", json!({ "part": "b" })).run(), out(0, "b\n"));
    assert_eq!(case().help()[0], "say which is drilled: `given: { matrix: { part: … } }`");
}

#[test]
fn times_are_those_of_the_pipeline() {
    let text = "jobs:\n  down:\n    timeout-minutes: 90\n    steps: [ { run: sleep 5, timeout-minutes: 0.01, id: a }, { run: echo late, if: always() } ]\n";
    let case = Case::new(PATH, "down", text);
    assert_eq!(case.read().timeout.map(|time| time.as_secs()), Some(5400));
    assert_eq!(case.run(), out(124, "late\n"));
}

#[test]
fn what_is_no_job_is_said() {
    let text = "jobs:\n  down: { runs-on: windows-latest, steps: [ { name: x } ], extra: 1 }\n  empty: {}\n";
    assert_eq!(Case::new(PATH, "dwn", text).help(), ["did you mean `down`?"]);
    assert_eq!(Case::new(PATH, "empty", text).mistakes(), ["3: the job `empty` has no `steps`"]);
    assert_eq!(
        Case::new(PATH, "down", text).mistakes(),
        [
            "2: `extra` of a job is not known here",
            "2: the job runs on Windows",
            "2: a step has a `run` or a `uses`",
            "2: nothing of the job `down` is left to run"
        ]
    );
}

#[test]
fn what_is_not_written_out_is_not_taken_for_nothing() {
    let text = "env: '${{ fromJSON(vars.ALL) }}'\njobs:\n  down:\n    env: [A]\n    steps:\n      - { run: [a, b] }\n      - { run: x, env: '${{ matrix.env }}' }\n      - { run: }\n";
    assert_eq!(
        Case::new(PATH, "down", text).mistakes(),
        ["1: `env` is no mapping here", "6: a step has a `run` or a `uses`"],
        "and the notes say: also on lines 4, 7, and 8"
    );
    assert_eq!(Case::new(PATH, "down", text).notes(), ["also on lines 4, 7", "also on line 8"]);
    let inner = "on: workflow_call\njobs: { a: { steps: [ { run: x } ] } }\n";
    let outer = "jobs:\n  down: { uses: ./w.yml, with: '${{ inputs }}', secrets: '${{ secrets }}' }\n";
    let called = Case::new(PATH, "down", outer).file("/r/w.yml", inner);
    assert_eq!(called.mistakes(), ["2: `secrets` is no mapping here", "2: `with` is no mapping here"]);
}
