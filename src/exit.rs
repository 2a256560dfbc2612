//! The exit codes (S24), in one place.

use crate::outcome::Outcome;
use crate::verdict::Verdict;

/// Every scenario ended as the drill says.
pub const MET: u8 = 0;
/// A scenario did not.
pub const NOT_MET: u8 = 1;
/// Nothing speaks against it, and not everything could be told.
pub const INCONCLUSIVE: u8 = 2;
/// A file or the command line is wrong; nothing was started.
pub const INVALID: u8 = 3;
/// The engine or the staging system; nothing could be judged, or something could not be removed.
pub const TROUBLE: u8 = 4;

/// The exit code of a drill. Precedence: interrupted, not met, trouble, inconclusive, met.
pub fn code(verdict: &Verdict) -> u8 {
    if let Some(signal) = &verdict.signal
        && let Some(code) = of_signal(signal)
    {
        return code;
    }
    match verdict.outcome {
        Outcome::Fail => NOT_MET,
        _ if !verdict.judged || !verdict.left.is_empty() => TROUBLE,
        Outcome::Inconclusive => INCONCLUSIVE,
        Outcome::Pass => MET,
    }
}

/// 128 and the signal's number; none for a timeout, which is no signal.
pub fn of_signal(name: &str) -> Option<u8> {
    match name {
        "SIGHUP" => Some(129),
        "SIGINT" => Some(130),
        "SIGTERM" => Some(143),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(outcome: Outcome, judged: bool, left: &[&str], signal: Option<&str>) -> Verdict {
        Verdict {
            drill: String::new(),
            tool: String::new(),
            began: String::new(),
            took_ms: 0,
            outcome,
            scenarios: Vec::new(),
            signal: signal.map(str::to_owned),
            complete: true,
            judged,
            left: left.iter().map(|left| (*left).to_owned()).collect(),
            kept: Vec::new(),
        }
    }

    #[test]
    fn s24_each_ending_has_its_code() {
        assert_eq!(code(&verdict(Outcome::Pass, true, &[], None)), 0);
        assert_eq!(code(&verdict(Outcome::Fail, true, &[], None)), 1);
        assert_eq!(code(&verdict(Outcome::Inconclusive, true, &[], None)), 2);
        assert_eq!(code(&verdict(Outcome::Inconclusive, false, &[], None)), 4);
        assert_eq!(code(&verdict(Outcome::Pass, true, &["network x"], None)), 4);
    }

    #[test]
    fn s24_interrupted_before_not_met_before_trouble_before_inconclusive() {
        assert_eq!(code(&verdict(Outcome::Fail, false, &["x"], Some("SIGINT"))), 130);
        assert_eq!(code(&verdict(Outcome::Pass, true, &[], Some("SIGTERM"))), 143);
        assert_eq!(code(&verdict(Outcome::Pass, true, &[], Some("SIGHUP"))), 129);
        assert_eq!(code(&verdict(Outcome::Fail, true, &["x"], None)), 1);
        assert_eq!(code(&verdict(Outcome::Inconclusive, true, &["x"], None)), 4);
        assert_eq!(code(&verdict(Outcome::Inconclusive, true, &[], Some("timeout"))), 2);
    }
}
