//! Protocol readers against anything: noise, and recorded conversations of real clients that were damaged.
//!
//! `cargo test --release --config profile.release.overflow-checks=true --test soak -- readers --nocapture`,
//! with `SEED=7` to repeat an earlier time and `INPUTS=100000` for fewer.

use std::panic::AssertUnwindSafe;
use std::path::Path;

use backout::gateway::http::Http;
use backout::gateway::mysql::Mysql;
use backout::gateway::postgres::Postgres;
use backout::gateway::reader::{LOOK, Next, Reader, Refusal, TEXT, Toward};
use backout::gateway::redis::Redis;

const INPUTS: u64 = 10_000_000;

/// About how long an input is, in bytes: what matters is how many there are.
const LENGTH: usize = 1_500;

/// Without a byte that goes on, a reader says no more than this.
const PATIENCE: usize = 10_000;

/// Pieces of a conversation, in order.
type Talk = Vec<(Toward, Vec<u8>)>;

/// How a reader is made.
type Make = fn() -> Box<dyn Reader>;

#[test]
fn readers_of_postgres_withstand_anything() {
    fuzz("postgres", || Box::new(Postgres::new()), &["42601", "40001"]);
}

#[test]
fn readers_of_http_withstand_anything() {
    fuzz("http", || Box::new(Http::new()), &["503", "429"]);
}

#[test]
fn readers_of_redis_withstand_anything() {
    fuzz("redis", || Box::new(Redis::new()), &["LOADING", "OOM"]);
}

#[test]
fn readers_of_mysql_withstand_anything() {
    fuzz("mysql", || Box::new(Mysql::new()), &["1213", "1040"]);
}

fn fuzz(protocol: &str, make: Make, codes: &[&str]) {
    let seed = super::seed();
    let inputs = std::env::var("INPUTS").ok().and_then(|inputs| inputs.parse().ok()).unwrap_or(INPUTS);
    let recordings = recordings(protocol);
    let mut total = Tally::default();
    for number in 0..inputs {
        let mut dice = Dice::new(seed, number);
        let tried = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let talk = input(&recordings, &mut dice);
            let tally = Trial::new(make(), codes, &mut dice).hear(&talk);
            if number % 8 == 0 {
                same_however_it_is_cut(make, &talk, &mut dice);
            }
            tally
        }));
        match tried {
            Ok(tally) => total.add(&tally),
            Err(_) => panic!("{protocol}: input {number} of SEED={seed}"),
        }
    }
    println!("{protocol}: {inputs} inputs: {total:?}");
    assert!(total.asks > inputs / 10 && total.answers > inputs / 100 && total.refused > 0, "{total:?}");
}

/// What came out of inputs.
#[derive(Debug, Default)]
struct Tally {
    bytes: u64,
    asks: u64,
    answers: u64,
    refused: u64,
    dropped: u64,
    opaque: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.asks += other.asks;
        self.answers += other.answers;
        self.refused += other.refused;
        self.dropped += other.dropped;
        self.opaque += other.opaque;
    }
}

/// One conversation that a reader is shown as the relay would.
struct Trial<'a> {
    reader: Box<dyn Reader>,
    codes: &'a [&'a str],
    dice: &'a mut Dice,
    unread: [Vec<u8>; 2],
    /// Asks that have no answer yet.
    open: u64,
    /// What was said last, in no more words than are needed to compare it.
    said: Vec<String>,
    keeps: bool,
    tally: Tally,
}

impl<'a> Trial<'a> {
    fn new(reader: Box<dyn Reader>, codes: &'a [&'a str], dice: &'a mut Dice) -> Self {
        Self {
            reader,
            codes,
            dice,
            unread: [Vec::new(), Vec::new()],
            open: 0,
            said: Vec::new(),
            keeps: false,
            tally: Tally::default(),
        }
    }

    /// Shows it everything, in pieces of any length.
    fn hear(mut self, talk: &Talk) -> Tally {
        for (toward, bytes) in talk {
            let mut rest = &**bytes;
            while !rest.is_empty() && self.tally.opaque == 0 {
                let (now, later) = rest.split_at(self.cut(rest.len()));
                rest = later;
                self.feed(*toward, now);
            }
        }
        self.tally
    }

    fn cut(&mut self, length: usize) -> usize {
        if self.dice.roll(3) > 0 { length } else { 1 + self.dice.roll(length) }
    }

    fn feed(&mut self, toward: Toward, bytes: &[u8]) {
        self.tally.bytes += bytes.len() as u64;
        self.unread[toward as usize].extend_from_slice(bytes);
        let mut begin = 0;
        let mut marks = 0;
        while begin < self.unread[toward as usize].len() {
            marks += 1;
            assert!(marks < PATIENCE, "the reader does not get on");
            let left = self.unread[toward as usize].len() - begin;
            let next = self.reader.next(toward, &self.unread[toward as usize][begin..]);
            match next {
                Next::More => {
                    assert!(left < LOOK, "the reader wants more than {LOOK} bytes");
                    break;
                }
                Next::Pass(count) | Next::Drop(count) => {
                    assert!((1..=left).contains(&count), "{next:?} of {left}");
                    self.tally.dropped += u64::from(matches!(next, Next::Drop(_)));
                    begin += count;
                    marks = 0;
                }
                Next::Opaque(_) => {
                    self.tally.opaque = 1;
                    break;
                }
                said => self.hear_mark(toward, said),
            }
        }
        self.unread[toward as usize].drain(..begin);
    }

    fn hear_mark(&mut self, toward: Toward, said: Next) {
        if self.keeps {
            self.said.push(format!("{said:?}"));
        }
        match said {
            Next::Ask(ask) => {
                assert_eq!(toward, Toward::Server);
                assert!(ask.text.len() <= TEXT, "{} bytes of text", ask.text.len());
                self.tally.asks += 1;
                if self.open == 0 && !self.codes.is_empty() && self.dice.roll(16) == 0 {
                    self.refuse();
                } else {
                    self.open += 1;
                }
            }
            Next::Answer(_) => {
                assert_eq!(toward, Toward::Client);
                self.tally.answers += 1;
                self.open = self.open.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// As the relay does: only when every earlier ask has its answer.
    fn refuse(&mut self) {
        let code = self.codes[self.dice.roll(self.codes.len())].to_owned();
        match self.reader.refuse(&Refusal { code, message: "not now".to_owned() }) {
            Ok(_) => self.tally.refused += 1,
            Err(_) => self.open += 1,
        }
    }
}

/// The same is said of whole pieces as of single bytes, where all of it is understood.
fn same_however_it_is_cut(make: Make, talk: &Talk, dice: &mut Dice) {
    let mut hear = |bytes_at_once: usize| {
        let mut trial = Trial { keeps: true, ..Trial::new(make(), &[], dice) };
        for (toward, bytes) in talk {
            for piece in bytes.chunks(bytes_at_once) {
                if trial.tally.opaque == 0 {
                    trial.feed(*toward, piece);
                }
            }
        }
        (trial.tally.opaque == 0).then_some(trial.said)
    };
    if let (Some(whole), Some(bytes)) = (hear(usize::MAX), hear(1)) {
        assert_eq!(whole, bytes);
    }
}

/// A damaged recording, or noise.
fn input(recordings: &[Talk], dice: &mut Dice) -> Talk {
    let mut talk = part(recordings, dice);
    for _ in 0..dice.roll(4) {
        damage(&mut talk, recordings, dice);
    }
    if dice.roll(5_000) == 0 {
        // A reader sees no more than it may look at.
        let side = if dice.roll(2) == 0 { Toward::Server } else { Toward::Client };
        let filler = [b'x', b'0', b'\r', b' ', 0, 1, 0xff][dice.roll(7)];
        talk.push((side, vec![filler; LOOK + dice.roll(LOOK)]));
    }
    talk
}

/// Some of a recording from its beginning; seldom from its middle.
fn part(recordings: &[Talk], dice: &mut Dice) -> Talk {
    let recording = &recordings[dice.roll(recordings.len())];
    let begin = if dice.roll(8) == 0 { dice.roll(recording.len()) } else { 0 };
    let length = 1 + dice.roll(LENGTH);
    let mut bytes = 0;
    let fits = recording[begin..].iter().take_while(|(_, piece)| {
        bytes += piece.len();
        bytes <= length
    });
    fits.cloned().collect()
}

fn damage(talk: &mut Talk, recordings: &[Talk], dice: &mut Dice) {
    if talk.is_empty() || dice.roll(10) == 0 {
        let side = if dice.roll(2) == 0 { Toward::Server } else { Toward::Client };
        let noise = (0..dice.roll(40)).map(|_| dice.byte()).collect();
        return talk.push((side, noise));
    }
    let at = dice.roll(talk.len());
    match dice.roll(5) {
        0 => drop(talk.remove(at)),
        1 => {
            let other = &recordings[dice.roll(recordings.len())];
            talk.insert(at, other[dice.roll(other.len())].clone());
        }
        2 => {
            let again = talk[at].clone();
            talk.insert(at, again);
        }
        _ => damage_bytes(&mut talk[at].1, dice),
    }
}

fn damage_bytes(bytes: &mut Vec<u8>, dice: &mut Dice) {
    if bytes.is_empty() {
        return;
    }
    let at = dice.roll(bytes.len());
    match dice.roll(5) {
        0 => bytes[at] = dice.byte(),
        1 => bytes[at] ^= 1 << dice.roll(8),
        2 => bytes.insert(at, dice.byte()),
        3 => bytes.truncate(at),
        _ => {
            // What a length may be that nobody expects.
            let extreme = [0_u32, 1, 3, 4, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff][dice.roll(7)].to_be_bytes();
            let end = bytes.len().min(at + 4);
            bytes[at..end].copy_from_slice(&extreme[..end - at]);
        }
    }
}

/// All recordings of a protocol: a line for each piece, `> hex` toward the server, `< hex` toward the client.
fn recordings(protocol: &str) -> Vec<Talk> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wire").join(protocol);
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.filter(|path| path.extension().is_some_and(|extension| extension == "txt"));
    let recorded = |path| std::fs::read_to_string(path).unwrap().lines().filter_map(piece).collect();
    let recordings: Vec<Talk> = texts.map(recorded).collect();
    assert!(recordings.len() > 2 && recordings.iter().all(|talk| !talk.is_empty()));
    recordings
}

fn piece(line: &str) -> Option<(Toward, Vec<u8>)> {
    let (toward, hex) = match line.split_once(' ')? {
        (">", hex) => (Toward::Server, hex),
        ("<", hex) => (Toward::Client, hex),
        _ => return None,
    };
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    Some((toward, (0..hex.len()).step_by(2).map(byte).collect()))
}

/// Numbers that look random: Vigna's splitmix64.
struct Dice(u64);

impl Dice {
    /// The dice of one input.
    fn new(seed: u64, number: u64) -> Self {
        Self(
            seed.wrapping_mul(0xd129_0f2b_6ad5_2ed3).wrapping_add(number.wrapping_mul(0xbf58_476d_1ce4_e5b9)),
        )
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn roll(&mut self, sides: usize) -> usize {
        usize::try_from(self.next() % sides as u64).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}
