//! What an answer shows of what should be there, and the reading back of everything at the end.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::belief::{Seen, Standing, Wrong};
use super::ledger::Key;
use super::load::Load;
use super::service::Reply;

/// How many keys are read back at once.
const AT_ONCE: usize = 16;
/// How many of a kind are named.
const FIRST: usize = 10;
/// Between two attempts to read what was not answered.
const PAUSE: Duration = Duration::from_millis(200);

/// Some keys: how many, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Few {
    /// How many there are.
    pub count: u64,
    /// The first of them by time.
    pub first: Vec<Found>,
    /// When the first of all was promised, in milliseconds of the drill.
    pub from_ms: u64,
    /// When the last of all was.
    pub to_ms: u64,
}

/// A key, and what was found under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The key.
    pub key: String,
    /// When what should be there was promised, in milliseconds of the drill.
    pub since_ms: u64,
    /// What was found.
    pub seen: String,
}

impl Few {
    pub(super) fn add(&mut self, found: Found) {
        let since = found.since_ms;
        self.from_ms = if self.count == 0 { since } else { self.from_ms.min(since) };
        self.to_ms = self.to_ms.max(since);
        self.count += 1;
        if self.first.len() < FIRST {
            self.first.push(found);
        }
    }
}

/// What was found under all keys of a traffic, at the end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadBack {
    /// Keys under which something must be.
    pub present: u64,
    /// Keys under which nothing may be.
    pub absent: u64,
    /// Keys under which something may be, or not.
    pub unknown: u64,
    /// Of those, under which something is.
    pub unknown_there: u64,
    /// Acknowledged, and gone.
    pub lost: Few,
    /// There more than once.
    pub duplicated: Few,
    /// Refused or removed, and yet there.
    pub phantom: Few,
    /// There with other content.
    pub corrupt: Few,
    /// Not found by a client meanwhile, although it had been acknowledged and is there.
    pub stale: Few,
    /// Of these nothing can be said: nobody answered.
    pub unanswered: Few,
}

impl ReadBack {
    fn of(&mut self, wrong: Wrong) -> &mut Few {
        match wrong {
            Wrong::Lost => &mut self.lost,
            Wrong::Duplicated => &mut self.duplicated,
            Wrong::Phantom => &mut self.phantom,
            Wrong::Corrupt => &mut self.corrupt,
        }
    }

    fn note(&mut self, key: &Key, answer: Result<(Seen, String), String>) {
        let found = |seen: String, since_ms: u64| Found { key: key.name.clone(), since_ms, seen };
        match key.belief.standing() {
            Standing::Present => self.present += 1,
            Standing::Absent => self.absent += 1,
            Standing::Unknown => self.unknown += 1,
        }
        let (seen, words) = match answer {
            Ok(answer) => answer,
            Err(why) => return self.unanswered.add(found(why, key.since_ms)),
        };
        if key.belief.standing() == Standing::Unknown && seen != Seen::Nothing {
            self.unknown_there += 1;
        }
        if let Some(wrong) = key.belief.wrong(&seen) {
            self.of(wrong).add(found(words, key.since_ms));
        } else if let Some(missed) = key.missed_ms.filter(|_| seen != Seen::Nothing) {
            self.stale.add(found("it was not found meanwhile".to_owned(), missed));
        }
    }
}

/// Reads every key back; what is not answered is asked again until `within` is over.
pub async fn read_back(load: &Load, within: Duration) -> ReadBack {
    let deadline = Instant::now() + within;
    let mut back = ReadBack::default();
    let keys = load.ledger.keys();
    let answers = futures_util::stream::iter(&keys)
        .map(|key| async move { (key, persist(load, key, deadline).await) })
        .buffered(AT_ONCE);
    let mut answers = std::pin::pin!(answers);
    while let Some((key, answer)) = answers.next().await {
        back.note(key, answer);
    }
    back
}

/// Asks until there is an answer or time is up.
async fn persist(load: &Load, key: &Key, deadline: Instant) -> Result<(Seen, String), String> {
    loop {
        let contents: Vec<u64> = key.belief.contents().collect();
        let (seen, words) = load.look(&key.name, &contents).await;
        match seen {
            Some(seen) => return Ok((seen, words)),
            None if Instant::now() + PAUSE >= deadline => return Err(words),
            None => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// What an answer shows: of some contents, by number, those that it agrees with. None when it says nothing.
pub(super) fn seen(reply: &Reply, contents: &[(u64, Option<Value>)]) -> Option<Seen> {
    match reply {
        reply if reply.is_not_there() => Some(Seen::Nothing),
        Reply::Answered { status: 200..=299, body } => {
            let json = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.clone()));
            Some(match json {
                Value::Null => Seen::Nothing,
                Value::Array(mut items) => match items.len() {
                    0 => Seen::Nothing,
                    1 => agreeing(contents, &items.swap_remove(0)),
                    many => Seen::Many(many),
                },
                one => agreeing(contents, &one),
            })
        }
        Reply::Done { values } => {
            let values: Vec<&String> = values.iter().flatten().collect();
            Some(match values[..] {
                [] => Seen::Nothing,
                [one] => agreeing(contents, &Value::String(one.clone())),
                _ => Seen::Many(values.len()),
            })
        }
        Reply::Answered { .. } | Reply::Failed(_) | Reply::NotSent(_) | Reply::Lost(_) => None,
    }
}

fn agreeing(contents: &[(u64, Option<Value>)], found: &Value) -> Seen {
    let agree =
        contents.iter().filter(|(_, shows)| shows.as_ref().is_none_or(|shows| contains(found, shows)));
    Seen::One(agree.map(|(number, _)| *number).collect::<BTreeSet<u64>>())
}

/// Whether everything that is shown is in what was found. A number equals its text.
fn contains(found: &Value, shown: &Value) -> bool {
    match (found, shown) {
        (Value::Object(found), Value::Object(shown)) => {
            shown.iter().all(|(name, value)| found.get(name).is_some_and(|found| contains(found, value)))
        }
        (Value::Array(found), Value::Array(shown)) => {
            found.len() == shown.len() && found.iter().zip(shown).all(|(found, shown)| contains(found, shown))
        }
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            number.to_string() == *text
        }
        _ => found == shown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ok(body: &Value) -> Reply {
        Reply::Answered { status: 200, body: body.to_string() }
    }

    fn one(numbers: &[u64]) -> Option<Seen> {
        Some(Seen::One(numbers.iter().copied().collect()))
    }

    #[test]
    fn an_answer_shows_one_thing_several_or_nothing() {
        let contents = [(4, Some(json!({ "id": "a", "n": "7" }))), (5, Some(json!({ "id": "b" })))];
        let look = |reply: &Reply| seen(reply, &contents);
        assert_eq!(look(&ok(&json!({ "id": "a", "n": 7, "more": true }))), one(&[4]));
        assert_eq!(look(&ok(&json!([{ "id": "b" }]))), one(&[5]));
        assert_eq!(look(&ok(&json!({ "id": "a", "n": 8 }))), one(&[]), "another content");
        assert_eq!(look(&ok(&json!([{ "id": "a" }, { "id": "a" }]))), Some(Seen::Many(2)));
        for nothing in
            [ok(&json!([])), ok(&json!(null)), Reply::Answered { status: 404, body: String::new() }]
        {
            assert_eq!(look(&nothing), Some(Seen::Nothing));
        }
        assert_eq!(look(&Reply::Answered { status: 500, body: String::new() }), None);
        assert_eq!(look(&Reply::Lost(String::new())), None);
    }

    #[test]
    fn a_query_shows_its_first_column() {
        let contents = [(4, Some(json!("gift"))), (5, None)];
        let look = |values: &[Option<&str>]| {
            let values = values.iter().map(|value| value.map(str::to_owned)).collect();
            seen(&Reply::Done { values }, &contents)
        };
        assert_eq!(look(&[Some("gift")]), one(&[4, 5]));
        assert_eq!(look(&[Some("other")]), one(&[5]));
        assert_eq!((look(&[]), look(&[None])), (Some(Seen::Nothing), Some(Seen::Nothing)));
        assert_eq!(look(&[Some("a"), Some("a")]), Some(Seen::Many(2)));
    }
}
