//! What the runner makes of a route's wire: slow, silent, closed to newcomers. Whoever is under way
//! hears of a change at once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use regex::Regex;
use tokio::sync::watch;

use super::control::Weather;
use super::reader::Refusal;

/// The weather of one route. Times are milliseconds.
pub(super) struct Sky {
    clear: AtomicBool,
    faults: Mutex<Vec<Front>>,
    changed: watch::Sender<u64>,
    dice: AtomicU64,
}

/// One piece of weather, and how often it acted.
struct Front {
    number: u32,
    weather: Weather,
    matching: Option<Regex>,
    acted: u64,
}

/// What the weather is for a chunk that wants to pass.
enum Passage {
    Free,
    After(Duration),
    /// Not before the weather changes.
    Never,
}

impl Sky {
    pub(super) fn clear() -> Self {
        Self {
            clear: AtomicBool::new(true),
            faults: Mutex::default(),
            changed: watch::Sender::new(0),
            dice: AtomicU64::new(0x9e37_79b9_7f4a_7c15),
        }
    }

    /// Makes weather.
    ///
    /// # Errors
    /// When its pattern is no regular expression.
    pub(super) fn inject(&self, number: u32, weather: Weather) -> Result<(), String> {
        let matching = match &weather {
            Weather::Answer { matching: Some(pattern), .. } => {
                Some(Regex::new(pattern).map_err(|error| error.to_string())?)
            }
            _ => None,
        };
        self.change(|faults| faults.push(Front { number, weather, matching, acted: 0 }));
        Ok(())
    }

    /// Ends weather; returns how often it acted, none when there is no such.
    pub(super) fn heal(&self, number: u32) -> Option<u64> {
        let mut acted = None;
        self.change(|faults| {
            if let Some(position) = faults.iter().position(|front| front.number == number) {
                acted = Some(faults.remove(position).acted);
            }
        });
        acted
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Front>)) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut faults);
        self.clear.store(faults.is_empty(), Ordering::Release);
        self.changed.send_modify(|version| *version += 1);
    }

    /// Whether a new connection is turned away.
    pub(super) fn refuses(&self) -> bool {
        !self.is_clear() && self.act(|weather, _| (*weather == Weather::Refuse).then_some(())).is_some()
    }

    /// The error that this ask gets in the server's place.
    pub(super) fn answer(&self, text: &str) -> Option<Refusal> {
        if self.is_clear() {
            return None;
        }
        self.act(|weather, front| match weather {
            Weather::Answer { refusal, once, .. } => {
                let is_meant = front.matching.as_ref().is_none_or(|pattern| pattern.is_match(text));
                (is_meant && !(*once && front.acted > 0)).then(|| refusal.clone())
            }
            _ => None,
        })
    }

    /// Returns when a chunk of that size may pass.
    pub(super) async fn pass(&self, bytes: usize) {
        if self.is_clear() {
            return;
        }
        let mut changed = self.changed.subscribe();
        loop {
            match self.passage(bytes) {
                Passage::Free => return,
                Passage::After(wait) => return tokio::time::sleep(wait).await,
                // The sender lives in this very struct.
                Passage::Never => drop(changed.changed().await),
            }
        }
    }

    fn is_clear(&self) -> bool {
        self.clear.load(Ordering::Acquire)
    }

    fn passage(&self, bytes: usize) -> Passage {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wait = Duration::ZERO;
        for front in faults.iter_mut() {
            match front.weather {
                Weather::Blackhole => {
                    front.acted += 1;
                    return Passage::Never;
                }
                Weather::Delay { ms, jitter_ms } => wait += self.delay(ms, jitter_ms),
                Weather::Throttle { bytes_per_second } => wait += transfer(bytes, bytes_per_second),
                Weather::Cut { .. } | Weather::Answer { .. } | Weather::Refuse => continue,
            }
            front.acted += 1;
        }
        if wait.is_zero() { Passage::Free } else { Passage::After(wait) }
    }

    /// The first answer that a fault gives; it has then acted.
    fn act<T>(&self, ask: impl Fn(&Weather, &Front) -> Option<T>) -> Option<T> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.iter_mut().find_map(|front| {
            let said = ask(&front.weather, front)?;
            front.acted += 1;
            Some(said)
        })
    }

    fn delay(&self, ms: u64, jitter_ms: u64) -> Duration {
        let least = ms.saturating_sub(jitter_ms);
        let spread = ms.saturating_add(jitter_ms) - least;
        // Any number will do; Marsaglia's xorshift is one line.
        let step = |mut dice: u64| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            Some(dice ^ (dice << 17))
        };
        let dice = self.dice.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).unwrap_or_default();
        Duration::from_millis(least + dice % (spread + 1))
    }
}

fn transfer(bytes: usize, bytes_per_second: u64) -> Duration {
    let micros = (bytes as u128 * 1_000_000) / u128::from(bytes_per_second.max(1));
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal() -> Refusal {
        Refusal { code: "40001".into(), message: "try again".into() }
    }

    #[test]
    fn an_answer_for_one_ask_is_given_once_and_only_to_the_ask_it_means() {
        let sky = Sky::clear();
        let weather = Weather::Answer { refusal: refusal(), matching: Some("^UPDATE".into()), once: true };
        sky.inject(1, weather).unwrap();
        assert_eq!(sky.answer("SELECT 1"), None);
        assert_eq!(sky.answer("UPDATE t"), Some(refusal()));
        assert_eq!(sky.answer("UPDATE t"), None);
        assert_eq!(sky.heal(1), Some(1));
        assert_eq!(sky.heal(1), None);
    }

    fn wait(sky: &Sky, bytes: usize) -> Duration {
        match sky.passage(bytes) {
            Passage::Free => Duration::ZERO,
            Passage::After(wait) => wait,
            Passage::Never => Duration::MAX,
        }
    }

    #[test]
    fn a_delay_keeps_within_its_jitter() {
        let sky = Sky::clear();
        assert_eq!(wait(&sky, 1), Duration::ZERO);
        sky.inject(1, Weather::Delay { ms: 100, jitter_ms: 20 }).unwrap();
        let seen: std::collections::BTreeSet<u128> = (0..100).map(|_| wait(&sky, 1).as_millis()).collect();
        assert!(seen.iter().all(|ms| (80..=120).contains(ms)), "{seen:?}");
        assert!(seen.len() > 5, "no jitter: {seen:?}");
    }

    #[test]
    fn a_throttle_takes_the_time_of_the_bytes() {
        let sky = Sky::clear();
        sky.inject(1, Weather::Throttle { bytes_per_second: 1000 }).unwrap();
        assert_eq!(wait(&sky, 500), Duration::from_millis(500));
        sky.inject(2, Weather::Delay { ms: 30, jitter_ms: 0 }).unwrap();
        assert_eq!(wait(&sky, 500), Duration::from_millis(530));
    }

    #[tokio::test]
    async fn what_waits_in_a_black_hole_goes_on_when_it_heals() {
        let sky = std::sync::Arc::new(Sky::clear());
        sky.inject(7, Weather::Blackhole).unwrap();
        let waiting = tokio::spawn({
            let sky = sky.clone();
            async move { sky.pass(1).await }
        });
        while sky.faults.lock().unwrap()[0].acted == 0 {
            tokio::task::yield_now().await;
        }
        assert!(!waiting.is_finished());
        assert_eq!(sky.heal(7), Some(1));
        waiting.await.unwrap();
    }
}
