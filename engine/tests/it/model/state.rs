//! One state of the modelled world: what the store holds, what the log says, and where each process stands. Plain bytes, so that millions fit
//! in memory and equal states are equal values.

/// Days after a commit that what it needs is locked, and days that a lock reaches further than is needed when it is asked for.
pub(super) const PERIOD: u8 = 1;
pub(super) const GENERATION: u8 = 1;
/// "None" in a byte that names something.
pub(super) const NONE: u8 = 0xff;
pub(super) const CHUNKS: u8 = 2;
pub(super) const PACKS: usize = 5;
/// Sessions by number: those that committed, those that were fenced, one a process, then those whose process is gone.
pub(super) const COMMITTED: u8 = 0;
pub(super) const FENCED: u8 = 1;
pub(super) const SETTLED: u8 = 2;
pub(super) const ORPHANS: u8 = 6;
/// One orphan, and one more that a step can make before its state is found to be out of bounds.
pub(super) const SESSIONS: usize = 8;
pub(super) const POINTS: usize = 3;
pub(super) const WRITERS: usize = 2;
pub(super) const COLLECTORS: usize = 2;

/// Where a blob lies: a pack and the blob's number in it. Chunks lie in a pack in their own order, so when a repack drops the first of two, the
/// number of the second changes as well as its pack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub(super) pack: u8,
    pub(super) number: u8,
}

/// Up to two places, four bits each (15 is none, so a pack's number is at most 6). By chunk in a reference set, by number in a pack's moves.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Places(u8);

impl Places {
    pub(super) const EMPTY: Self = Self(0xff);

    pub(super) fn get(self, index: u8) -> Option<Place> {
        let bits = (self.0 >> (4 * index)) & 15;
        (bits != 15).then_some(Place { pack: bits >> 1, number: bits & 1 })
    }

    pub(super) fn set(&mut self, index: u8, place: Option<Place>) {
        let bits = place.map_or(15, |p| p.pack << 1 | p.number);
        self.0 = self.0 & !(15 << (4 * index)) | bits << (4 * index);
    }

    /// Chunk (or number) and place of all that are set.
    pub(super) fn iter(self) -> impl Iterator<Item = (u8, Place)> {
        (0..CHUNKS).filter_map(move |i| self.get(i).map(|p| (i, p)))
    }
}

impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter().map(|(i, p)| (i, (p.pack, p.number)))).finish()
    }
}

/// A pack: the object in the store, and what the log says of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Pack {
    /// Bit c: holds chunk c. 0: never stored.
    pub(super) content: u8,
    pub(super) owner: u8,
    /// The bits below.
    pub(super) life: u8,
    /// By number: where the `Condemn` says that the blob is now.
    pub(super) moves: Places,
    /// Days until the store's lock on it ends.
    pub(super) lock: u8,
}

pub(super) const PUBLISHED: u8 = 1;
pub(super) const CONDEMNED: u8 = 2;
pub(super) const DELETED: u8 = 4;
pub(super) const SWEPT: u8 = 8;
/// Named by the newest `Condemn`. Kept only for the mutant that looks at nothing else.
pub(super) const NEWEST: u8 = 16;

impl Pack {
    pub(super) const FREE: Self = Self { content: 0, owner: NONE, life: 0, moves: Places::EMPTY, lock: 0 };

    pub(super) fn is(&self, bits: u8) -> bool {
        self.life & bits == bits
    }

    /// Published and not condemned: what others may rely on.
    pub(super) fn usable(&self) -> bool {
        self.life & (PUBLISHED | CONDEMNED) == PUBLISHED
    }

    pub(super) fn exists(&self) -> bool {
        self.content != 0 && !self.is(DELETED)
    }

    pub(super) fn chunk_at(&self, number: u8) -> Option<u8> {
        (0..CHUNKS).filter(|c| self.content >> c & 1 == 1).nth(number.into())
    }

    pub(super) fn number_of(&self, chunk: u8) -> Option<u8> {
        (self.content >> chunk & 1 == 1).then(|| (0..chunk).map(|c| self.content >> c & 1).sum())
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub(super) enum Life {
    None,
    Open,
    Committed,
    Fenced,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Session {
    pub(super) life: Life,
    /// The point whose reference set the session starts from.
    pub(super) base: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub(super) enum Standing {
    None,
    Live,
    Expired,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Point {
    pub(super) standing: Standing,
    /// The reference set by chunk: places as they were at the commit, never rewritten.
    pub(super) places: Places,
    /// Days until the period that it is locked for ends.
    pub(super) due: u8,
}

impl Point {
    pub(super) fn live(&self) -> bool {
        self.standing == Standing::Live
    }
}

/// What a process knows of the log: everything up to `behind` entries before the head.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct View {
    pub(super) behind: u8,
    /// The last entry that it read or wrote lies in a slot that had been truncated: no part of the log.
    pub(super) void: bool,
    /// It has looked at the newest checkpoint after the last entry that it read.
    pub(super) sure: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub(super) enum Phase {
    /// Writer: between runs. Collector: no plan.
    Idle,
    /// Reading the log, before the session is opened.
    Starting,
    /// Session opened; some chunks have no place yet.
    Opened,
    /// Own packs stored, not published.
    Stored,
    /// Every chunk has a place in a published pack.
    Ready,
    /// Collector: condemned packs chosen, survivors stored again.
    Planned,
    /// Nothing left to do.
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Writer {
    pub(super) phase: Phase,
    /// An append has taken effect and the writer does not know it yet.
    pub(super) landed: bool,
    pub(super) session: u8,
    pub(super) run: u8,
    pub(super) view: View,
    /// By chunk: what the run relies on.
    pub(super) places: Places,
    /// Days for which it knows all of that to be locked.
    pub(super) secured: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Collector {
    pub(super) phase: Phase,
    pub(super) landed: bool,
    pub(super) session: u8,
    pub(super) view: View,
    /// Bit p: pack p is to be condemned.
    pub(super) plan: u8,
    /// The pack with the survivors.
    pub(super) replacement: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub(super) enum Reading {
    /// Has opened no point.
    Closed,
    /// Knows a place and is about to get it.
    Holds,
    /// The pack was not there.
    Missed,
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Reader {
    pub(super) reading: Reading,
    pub(super) point: u8,
    pub(super) chunk: u8,
    pub(super) at: u8,
    pub(super) looks: u8,
}

/// What was done against a rule in the step that led here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Fault {
    None,
    I1,
    I2,
    I3,
    I4,
    I5,
    I6,
    I8,
    /// A chunk of a live point cannot be reached any more.
    Lost,
    /// One run gave two points.
    CommittedTwice,
    /// A process was told that an entry is in the log which is not.
    FalseAcknowledgement,
    /// A reader spoke of damage, and there is none.
    FalseDamage,
    /// The log's chain does not fit at a slot: nobody can read on.
    BrokenChain,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct State {
    pub(super) packs: [Pack; PACKS],
    pub(super) sessions: [Session; SESSIONS],
    pub(super) points: [Point; POINTS],
    pub(super) writers: [Writer; WRITERS],
    pub(super) collectors: [Collector; COLLECTORS],
    pub(super) reader: Reader,
    /// The newest checkpoint ends that many entries before the head; `cut` is the same for the last deleted entry.
    pub(super) checkpoint: u8,
    pub(super) cut: u8,
    /// Bit i: the truncated slot i entries before the head was written again by somebody who did not know.
    pub(super) voids: u16,
    pub(super) fault: Fault,
}

impl State {
    pub(super) fn pack(&self, index: u8) -> &Pack {
        &self.packs[usize::from(index)]
    }

    pub(super) fn pack_mut(&mut self, index: u8) -> &mut Pack {
        &mut self.packs[usize::from(index)]
    }

    pub(super) fn session_life(&self, index: u8) -> Life {
        self.sessions.get(usize::from(index)).map_or(Life::None, |s| s.life)
    }

    /// Stores a pack. `None` when the model has no more.
    pub(super) fn store_pack(&mut self, content: u8, owner: u8, packs_max: u8) -> Option<u8> {
        let free = (0..packs_max).find(|&p| self.pack(p).content == 0)?;
        *self.pack_mut(free) = Pack { content, owner, ..Pack::FREE };
        Some(free)
    }

    pub(super) fn open_session(&mut self, base: u8) -> u8 {
        let free = self.sessions.iter().rposition(|s| s.life == Life::None).expect("orphans leave one free");
        self.sessions[free] = Session { life: Life::Open, base };
        u8::try_from(free).expect("few sessions")
    }

    /// Where a blob is now, by the moves of all `Condemn`s: the truth, which no mutant touches.
    pub(super) fn follow(&self, mut place: Place) -> Option<Place> {
        while self.pack(place.pack).is(CONDEMNED) {
            place = self.pack(place.pack).moves.get(place.number)?;
        }
        Some(place)
    }
}
