//! The outside: its hosts, their gateways, and what is expected of calls to them.

use super::*;
use crate::gateway::call::Field;
use crate::plan::outside::End;

const SHOP: &str = "services:
  db:
    image: postgres:15
    environment: { POSTGRES_PASSWORD: pw }
  payments: { image: sandbox, expose: ['8080'] }
  job: { image: job }
  worker: { image: job }
";

const CHARGES: &str = "format: 1
name: charges
staging:
  compose: compose.yaml
observe:
  outside:
    - { service: payments }
    - { service: mail, protocol: smtp, clients: [worker] }
change:
  - run: { service: job, command: [charge] }
failure:
  at: { step: 1, on: payments, request: POST /charges }
  inject: [ { abort: {} } ]
rollback:
  steps:
    - run: { service: job, command: [refund] }
expect:
  outside:
    - call: { on: payments, post: /charges, key: { json: order }, idempotent_by: { header: Key } }
      compensated_by: { on: payments, post: '/charges/*/refund', key: path }
    - call: { on: mail, to: '*' }
      stays: { because: it says sorry }
";

fn planned(text: &str) -> Result<Plan, Vec<Diagnostic>> {
    plan_of(text, &[("/s/compose.yaml", SHOP)], false)
}

fn headers(names: &[&str]) -> Vec<Field> {
    names.iter().map(|name| Field::Header((*name).to_owned())).collect()
}

#[test]
fn a_gateway_stands_before_each_host_and_keeps_the_declared_fields() {
    let plan = planned(CHARGES).unwrap_or_else(|mistakes| panic!("{}", crate::diagnostic::render(&mistakes)));
    let payments = &plan.gateways["payments"];
    let route = &payments.routes[0];
    assert_eq!((payments.routes.len(), route.port, route.protocol), (1, 8080, Protocol::Http));
    assert_eq!(payments.clients, ["job".to_owned()].into(), "those of all `run` steps");
    let kept = [vec![Field::Path], headers(&["Key"]), vec![Field::Json("order".to_owned())]].concat();
    assert_eq!(route.outside, Some(kept.into_iter().collect()));
    let mail = &plan.gateways["mail"];
    assert_eq!((mail.routes[0].port, mail.is_sink(), payments.is_sink()), (25, true, false));
    assert_eq!(mail.clients, ["worker".to_owned()].into(), "and nobody else");
    assert_eq!(mail.routes[0].outside, Some(headers(&["Subject"]).into_iter().collect()));
    let End::Compensated(refund) = &plan.expect.outside[0].end else { panic!("{:?}", plan.expect.outside) };
    assert_eq!(refund.words(), "POST /charges/*/refund on payments");
    assert_eq!((plan.expect.outside[1].at.line, plan.outside[1].at.line), (21, 8));
}

#[test]
fn a_gateway_that_is_written_too_is_the_same_one() {
    let text = CHARGES.replace(
        "change:\n",
        "gateways: [ { service: payments, port: 8080, clients: [worker] } ]\nchange:\n",
    );
    let gateway = &planned(&text).unwrap().gateways["payments"];
    assert_eq!((gateway.routes.len(), &gateway.clients), (1, &["worker".to_owned()].into()));
    assert!(gateway.routes[0].outside.is_some());
}

#[test]
fn a_point_may_lie_in_a_conversation_about_mail() {
    let text =
        CHARGES.replace("request: POST /charges", "matching: MAIL").replace("on: payments, m", "on: mail, m");
    assert!(matches!(planned(&text).unwrap().failure.unwrap().point.trigger, Trigger::Wire { .. }));
}

#[track_caller]
fn only(from: &str, to: &str, expected: &str) {
    assert!(CHARGES.contains(from), "{from}");
    let mistakes = planned(&CHARGES.replace(from, to)).expect_err("the scenario has a mistake");
    let told: Vec<String> = mistakes
        .iter()
        .map(|one| format!("{}: {}; {}", one.place().line, one.message, one.help.join("; ")))
        .collect();
    assert!(told.len() == 1 && told[0].contains(expected), "{told:#?}");
}

#[test]
fn mistakes_about_the_outside_are_named_with_a_way_out() {
    let second = "- { service: mail, protocol: smtp, clients: [worker] }";
    only(
        second,
        &format!("{second}\n    - {{ service: nobody }}"),
        "9: there is no service `nobody` in the Compose files",
    );
    only(second, &format!("{second}\n    - {{ service: payments }}"), "9: `payments` is named twice");
    only("clients: [worker]", "clients: [walker]", "no service `walker`");
    only("call: { on: mail", "call: { on: mial", "`mial` is not observed as outside; did you mean `mail`?");
    only("to: '*'", "post: /x", "`mail` speaks smtp, which has no `post`");
    only("post: /charges,", "to: a@x,", "`payments` speaks http, which has no `to`");
    only("post: /charges,", "post: /charges, put: /charges,", "Exactly one of its methods");
    only("post: /charges,", "", "give one of: post, put, patch, delete; of mail: to");
    only("post: /charges,", "post: charges,", "a path begins with `/`");
    only("post: '/charges/*/refund'", "post: '/*/*/refund'", "at most one `*`");
    only(", key: path", "", "20: without a key nobody can tell");
    only("key: { json: order }, ", "", "19: without a key nobody can tell");
    only("'/charges/*/refund'", "/refunds", "the path has no `*` that could stand for a key");
    only("idempotent_by: { header: Key }", "idempotent_by: path", "a path is the same each time");
    only("idempotent_by: { header: Key }", "idempotent_by: { header: '' }", "a field has a name");
    only("to: '*' }", "to: '*', key: { json: a } }", "a mail has headers");
    only("because: it says sorry", "because: ''", "why may it stay?");
    only(
        "\n      stays: { because: it says sorry }",
        "",
        "say `compensated_by: { service: …, post: … }`, or `stays:",
    );
    only(
        "      compensated_by:",
        "      stays: { because: x }\n      compensated_by:",
        "it is compensated or it stays, not both",
    );
    only(
        "  - run: { service: job, command: [charge] }",
        "  - run: { service: job, command: [charge] }\n  - http: { call: { on: payments, post: /charges } }",
        "11: what Backout itself asks of `payments` is not recorded",
    );
}
