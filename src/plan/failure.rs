//! The failure: a point that exists, faults that can act there, healing that makes sense.

use std::time::Duration;

use super::context::Context;
use super::model::{Failure, Fault, Heal, Limits, PlannedFault, Step};
use super::point;
use super::{database, disk};
use crate::gateway::control::{Refusal, Weather};
use crate::scenario::failure::{self as file, Settle};
use crate::scenario::fault::Limit;

/// How long sessions may take to end where nothing is said.
const SETTLE: Duration = Duration::from_secs(30);

/// Resolves `failure:`.
pub(super) fn build(context: &mut Context<'_>, failure: &file::Failure, change: &[Step]) -> Option<Failure> {
    let point = point::build(context, &failure.at, change);
    if failure.inject.is_empty() && context.is_whole {
        let diagnostic = context.wrong_key("failure.inject", "nothing is injected");
        diagnostic.help.push("name a fault, such as `- abort: {}`".to_owned());
    }
    let mut faults = Vec::new();
    for (index, written) in failure.inject.iter().enumerate() {
        faults.extend(fault(context, index, written, failure.heal));
    }
    let settle_ms = match failure.settle {
        Some(Settle::None) => None,
        Some(Settle::Within(span)) => Some(crate::millis::of(span.0)),
        None => Some(crate::millis::of(SETTLE)),
    };
    let stop = failure.then == file::Then::Stop;
    if !stop && faults.iter().any(|fault| fault.fault == Fault::Abort) {
        context.wrong("failure.then", "an aborted change cannot continue");
    }
    Some(Failure { point: point?, faults, stop, settle_ms, at: context.place("failure") })
}

fn fault(
    context: &mut Context<'_>,
    index: usize,
    written: &file::Fault,
    heal: Option<file::Heal>,
) -> Option<PlannedFault> {
    let path = |word: &str| format!("failure.inject.{index}.{word}");
    let (word, mut fault) = match written {
        file::Fault::Abort(_) => ("abort", Fault::Abort),
        file::Fault::Kill(kill) => ("kill", self::kill(context, &path("kill"), kill)?),
        file::Fault::Stop(on) => ("stop", Fault::Stop { service: on.service.clone() }),
        file::Fault::Pause(on) => ("pause", Fault::Pause { service: on.service.clone() }),
        file::Fault::Restart(on) => ("restart", Fault::Restart { service: on.service.clone() }),
        file::Fault::Disconnect(cut) => ("disconnect", disconnect(context, &path("disconnect"), cut)?),
        file::Fault::Exec(exec) => (
            "exec",
            Fault::Exec {
                service: exec.service.clone(),
                command: exec.command.0.clone(),
                verify: exec.verify.0.clone(),
                heal: exec.heal.as_ref().map(|command| command.0.clone()),
            },
        ),
        file::Fault::Cut(cut) => {
            ("cut", wire(&cut.service, Weather::Cut { reset: cut.by == file::CutBy::Reset }))
        }
        file::Fault::Blackhole(on) => ("blackhole", wire(&on.service, Weather::Blackhole)),
        file::Fault::Refuse(on) => ("refuse", wire(&on.service, Weather::Refuse)),
        file::Fault::Delay(delay) => {
            let jitter_ms = delay.jitter.map_or(0, |span| crate::millis::of(span.0));
            ("delay", wire(&delay.service, Weather::Delay { ms: crate::millis::of(delay.by.0), jitter_ms }))
        }
        file::Fault::Throttle(slow) => ("throttle", throttle(context, &path("throttle"), slow)?),
        file::Fault::Lock(lock) => ("lock", database::lock(context, &path("lock"), lock)?),
        file::Fault::TerminateBackend(end) => {
            ("terminate_backend", database::terminate(context, &path("terminate_backend"), end)?)
        }
        file::Fault::Revoke(revoke) => ("revoke", database::revoke(context, &path("revoke"), revoke)?),
        file::Fault::ReadOnly(on) => {
            ("read_only", database::read_only(context, &path("read_only"), &on.service)?)
        }
        file::Fault::Limit(limit) => ("limit", self::limit(context, &path("limit"), limit)?),
        file::Fault::FillDisk(disk) => ("fill_disk", disk::fill(context, &path("fill_disk"), disk)?),
        file::Fault::Answer(answer) => ("answer", self::answer(context, &path("answer"), answer)),
    };
    if let Fault::Wire { number, .. } = &mut fault {
        *number = u32::try_from(index).unwrap_or(u32::MAX);
    }
    let at = format!("{}.service", path(word));
    let known = fault.service().is_none_or(|service| match &fault {
        Fault::Wire { .. } => context.callee(&at, service),
        _ => context.service(&at, service),
    });
    let heal = match heal {
        None | Some(file::Heal::BeforeRollback) => Heal::BeforeRollback,
        Some(file::Heal::AfterRollback) => Heal::AfterRollback,
        Some(file::Heal::Never) => Heal::Never,
    };
    let observed = fault.service().filter(|service| context.is_observed(service));
    if let (Heal::Never, Some(service)) = (heal, observed) {
        let message = format!("`{service}` is observed: with a fault that stays, its state cannot be read");
        let diagnostic = context.wrong("failure.heal", message);
        diagnostic.help.push("say `before_rollback` or `after_rollback`".to_owned());
    }
    known.then(|| PlannedFault { fault, heal, at: context.place(&path(word)) })
}

/// Its number is that of its place in the list.
fn wire(service: &str, weather: Weather) -> Fault {
    Fault::Wire { service: service.to_owned(), weather, number: 0 }
}

fn throttle(context: &mut Context<'_>, path: &str, slow: &file::Throttle) -> Option<Fault> {
    let bytes_per_second = slow.bytes_per_second;
    if bytes_per_second == 0 {
        let message = "at 0 bytes per second nothing passes";
        let diagnostic = context.wrong(&format!("{path}.bytes_per_second"), message);
        diagnostic.help.push("that is a `blackhole`".to_owned());
        return None;
    }
    Some(wire(&slow.service, Weather::Throttle { bytes_per_second }))
}

fn answer(context: &mut Context<'_>, path: &str, answer: &file::AnswerFault) -> Fault {
    let matching = answer.matching.as_ref();
    let matching = matching.map(|pattern| context.pattern(&format!("{path}.matching"), pattern));
    let message = answer.message.clone().unwrap_or_else(|| "this is a drill".to_owned());
    let refusal = Refusal { code: answer.code.clone(), message };
    wire(&answer.service, Weather::Answer { refusal, matching, once: answer.once })
}

/// Engines take no less.
const LEAST_MEMORY: u64 = 6 << 20;

fn limit(context: &mut Context<'_>, path: &str, limit: &Limit) -> Option<Fault> {
    let limits = Limits { memory: limit.memory.map(|size| size.0), cpu_percent: limit.cpu_percent };
    if limits == Limits::default() {
        let diagnostic = context.wrong_key(path, "nothing is limited");
        diagnostic.help.push("say `memory: 64mb`, `cpu_percent: 10`, or both".to_owned());
        return None;
    }
    if limits.memory.is_some_and(|bytes| bytes < LEAST_MEMORY) {
        context.wrong(&format!("{path}.memory"), "no engine limits memory to less than 6mb");
        return None;
    }
    if limits.cpu_percent == Some(0) {
        let diagnostic = context.wrong(&format!("{path}.cpu_percent"), "with 0 percent nothing runs");
        diagnostic.help.push("that is a `pause`".to_owned());
        return None;
    }
    Some(Fault::Limit { service: limit.service.clone(), limits })
}

const SIGNALS: [&str; 8] =
    ["SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGABRT", "SIGSEGV", "SIGUSR1"];

fn kill(context: &mut Context<'_>, path: &str, kill: &file::Kill) -> Option<Fault> {
    let signal = kill.signal.clone().unwrap_or_else(|| "SIGKILL".to_owned()).to_uppercase();
    let signal = if signal.starts_with("SIG") { signal } else { format!("SIG{signal}") };
    if !SIGNALS.contains(&signal.as_str()) {
        let diagnostic =
            context.spot(&format!("{path}.signal")).mistake(format!("unknown signal `{signal}`"));
        context.mistakes.push(diagnostic.suggest(&signal, SIGNALS));
        return None;
    }
    Some(Fault::Kill { service: kill.service.clone(), signal })
}

fn disconnect(context: &mut Context<'_>, path: &str, cut: &file::Disconnect) -> Option<Fault> {
    let networks: Vec<String> = match context.project.services.get(&cut.service) {
        Some(service) => service.networks.keys().cloned().collect(),
        None => Vec::new(),
    };
    let network = match (&cut.network, &networks[..]) {
        (Some(network), known) if known.contains(network) => network.clone(),
        (None, [only]) => only.clone(),
        (None, []) => String::new(),
        (Some(network), known) => {
            let diagnostic = context
                .spot(&format!("{path}.network"))
                .mistake(format!("service `{}` is not on a network `{network}`", cut.service))
                .suggest(network, known.iter().map(String::as_str));
            context.mistakes.push(diagnostic);
            return None;
        }
        (None, several) => {
            let message = format!("service `{}` is on several networks: {}", cut.service, several.join(", "));
            context.wrong_key(path, message).help.push("say which one with `network:`".to_owned());
            return None;
        }
    };
    Some(Fault::Disconnect { service: cut.service.clone(), network })
}
