//! When requests are due: a function of the clock alone.

use std::time::Duration;

use crate::plan::traffic::Profile;

/// When request `n`, counted from 0, is due after the beginning.
pub(super) fn due(n: u64, per_second: f64, profile: Profile) -> Duration {
    let n = n as f64;
    let seconds = match profile {
        Profile::Steady => n / per_second,
        // The rate r·t/T makes r·t²/2T requests until t, up to T.
        Profile::Ramp(over) => {
            let over = over as f64 / 1000.0;
            let during = per_second * over / 2.0;
            if n <= during { (2.0 * over * n / per_second).sqrt() } else { over + (n - during) / per_second }
        }
        Profile::Burst(every) => {
            let every = every as f64 / 1000.0;
            let at_once = (per_second * every).round().max(1.0);
            (n / at_once).floor() * at_once / per_second
        }
    };
    Duration::from_secs_f64(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(n: u64, profile: Profile) -> u128 {
        due(n, 40.0, profile).as_millis()
    }

    #[test]
    fn a_steady_rate_spaces_requests_evenly() {
        assert_eq!([0, 1, 40].map(|n| millis(n, Profile::Steady)), [0, 25, 1000]);
    }

    #[test]
    fn a_ramp_grows_to_the_whole_rate_and_stays_there() {
        let ramp = Profile::Ramp(10_000);
        assert_eq!(millis(200, ramp), 10_000);
        assert_eq!(millis(50, ramp), 5000, "a quarter of the requests in half of the time");
        assert_eq!(millis(240, ramp), 11_000);
    }

    #[test]
    fn bursts_keep_the_rate_on_the_whole() {
        let burst = Profile::Burst(500);
        assert_eq!([0, 19, 20, 39, 40].map(|n| millis(n, burst)), [0, 0, 500, 500, 1000]);
    }
}
