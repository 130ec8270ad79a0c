//! One form for states that can only behave alike: what nobody can refer to any more is forgotten, and numbers that only tell things apart are
//! given out in a fixed order.
//!
//! The protocol never uses a number twice; the model does, once nothing names it. So crashes, fences, condemnations and deletions need no bound on how
//! often they happen, only on how many of their traces exist at one time.

use super::state::*;

impl State {
    /// The canonical form. `None` where the state needs more packs or orphaned sessions at one time than the model has.
    pub(super) fn canonical(mut self, orphans_max: usize, log_max: u8, sweeps: bool, alike: bool) -> Option<Self> {
        self.shorten_log(log_max)?;
        self.forget_bases();
        self.forget_moves_and_packs(sweeps);
        self.order_processes(alike);
        self.number_sessions(orphans_max)?;
        self.number_packs();
        Some(self)
    }

    /// Nobody looks further back than the process that is furthest behind.
    fn shorten_log(&mut self, log_max: u8) -> Option<()> {
        let views = self.writers.iter().map(|w| w.view).chain(self.collectors.iter().map(|c| c.view));
        let furthest = views.map(|v| v.behind).max().unwrap_or(0);
        self.voids &= (1 << furthest) - 1;
        self.cut = self.cut.min(furthest.max(self.checkpoint));
        (furthest.max(self.checkpoint) <= log_max).then_some(())
    }

    /// A base counts as long as its session is open, an expired point's reference set as long as it is a base.
    fn forget_bases(&mut self) {
        for session in self.sessions.iter_mut().filter(|s| s.life != Life::Open) {
            session.base = NONE;
        }
        for (n, point) in (0_u8..).zip(&mut self.points) {
            if point.standing == Standing::Expired && !self.sessions.iter().any(|s| s.base == n) {
                point.places = Places::EMPTY;
            }
        }
    }

    /// Keeps the moves that somebody could follow, and the packs that exist or that somebody names.
    fn forget_moves_and_packs(&mut self, sweeps: bool) {
        let mut kept = [Places::EMPTY; PACKS];
        let mut named = self.collectors.iter().fold(0, |named, c| named | c.plan);
        let points = self.points.iter().map(|p| p.places);
        for (_, place) in points.chain(self.writers.iter().map(|w| w.places)).flat_map(Places::iter) {
            let mut place = place;
            named |= 1 << place.pack;
            while let Some(moved) = self.pack(place.pack).moves.get(place.number) {
                kept[usize::from(place.pack)].set(place.number, Some(moved));
                place = moved;
                named |= 1 << place.pack;
            }
        }
        if matches!(self.reader.reading, Reading::Holds | Reading::Missed) {
            named |= 1 << (self.reader.at >> 1);
        }
        for collector in self.collectors.iter().filter(|c| c.replacement != NONE) {
            named |= 1 << collector.replacement;
        }
        for (n, (pack, kept)) in self.packs.iter_mut().zip(kept).enumerate() {
            pack.moves = kept;
            // What was condemned is forgotten once `Swept` says that it is gone; of an orphan the log knows nothing.
            let gone = pack.is(DELETED) && (pack.is(SWEPT) || !sweeps || !pack.is(PUBLISHED));
            // What somebody else has deleted is still taken for good.
            let gone = gone && !pack.usable();
            if gone && named >> n & 1 == 0 {
                *pack = Pack::FREE;
            }
        }
    }

    /// Two collectors are alike, and two writers with the same source: it does not matter which is which.
    fn order_processes(&mut self, alike: bool) {
        let [first, second] = &mut self.writers;
        if alike && second.standing() < first.standing() {
            std::mem::swap(first, second);
        }
        let [first, second] = &mut self.collectors;
        if second.standing() < first.standing() {
            std::mem::swap(first, second);
        }
    }

    /// Session 0 stands for all that committed, 1 for all that were fenced and have no process; then those of the writers and collectors, then
    /// the open ones whose process is gone.
    fn number_sessions(&mut self, orphans_max: usize) -> Option<()> {
        let mut numbers = [NONE; SESSIONS];
        let holders = self.writers.iter().map(|w| w.session).chain(self.collectors.iter().map(|c| c.session));
        for (slot, held) in (SETTLED..).zip(holders) {
            if held != NONE {
                numbers[usize::from(held)] = slot;
            }
        }
        let mut orphans = 0;
        for (n, number) in numbers.iter_mut().enumerate().skip(usize::from(SETTLED)) {
            let (session, id) = (self.sessions[n], u8::try_from(n).expect("few sessions"));
            if session.life == Life::None || *number != NONE {
                continue;
            }
            let has_packs = self.packs.iter().any(|p| p.owner == id);
            *number = match session.life {
                Life::Open if has_packs || session.base != NONE => {
                    orphans += 1;
                    ORPHANS + orphans - 1
                }
                Life::Fenced => FENCED,
                _ => COMMITTED,
            };
        }
        if usize::from(orphans) > orphans_max {
            return None;
        }
        let before = self.sessions;
        self.sessions[usize::from(SETTLED)..].fill(Session { life: Life::None, base: NONE });
        for n in usize::from(SETTLED)..SESSIONS {
            if numbers[n] != NONE && numbers[n] >= SETTLED {
                self.sessions[usize::from(numbers[n])] = before[n];
            }
        }
        let renumber =
            |session: u8| if (SETTLED..NONE).contains(&session) { numbers[usize::from(session)] } else { session };
        for writer in &mut self.writers {
            writer.session = renumber(writer.session);
        }
        for collector in &mut self.collectors {
            collector.session = renumber(collector.session);
        }
        for pack in self.packs.iter_mut().filter(|p| p.owner != NONE) {
            let settled = pack.is(PUBLISHED) && before[usize::from(pack.owner)].life != Life::Open;
            pack.owner = if settled { COMMITTED } else { renumber(pack.owner) };
        }
        Some(())
    }

    /// Packs in the order of what they are and who names them; free ones last.
    fn number_packs(&mut self) {
        let mut keys = [0_u64; PACKS];
        for (n, (key, pack)) in (0_u64..).zip(keys.iter_mut().zip(&self.packs)) {
            let life = u64::from(pack.lock) << 16
                | u64::from(pack.life) << 8
                | u64::from(pack.owner & 15) << 4
                | u64::from(pack.content);
            *key = if pack.content == 0 { u64::MAX - 8 + n } else { life << 32 | n };
        }
        let names = self.points.iter().map(|p| p.places).chain(self.writers.iter().map(|w| w.places));
        for (bit, places) in (0..).step_by(2).zip(names) {
            for (chunk, place) in places.iter() {
                keys[usize::from(place.pack)] |= 1 << (8 + bit + chunk);
            }
        }
        for (c, collector) in self.collectors.iter().enumerate() {
            for (n, key) in keys.iter_mut().enumerate() {
                *key |= u64::from(collector.plan >> n & 1) << (24 + c);
            }
            if collector.replacement != NONE {
                keys[usize::from(collector.replacement)] |= 1 << (26 + c);
            }
        }
        if keys.is_sorted() {
            return;
        }
        keys.sort_unstable();
        let mut numbers = [0; PACKS];
        let before = self.packs;
        for (to, key) in (0_u8..).zip(keys) {
            let from = if key >= u64::MAX - 8 {
                usize::try_from(key - (u64::MAX - 8)).expect("few packs")
            } else {
                usize::from(key.to_le_bytes()[0])
            };
            numbers[from] = to;
            self.packs[usize::from(to)] = before[from];
        }
        self.renumber_packs(numbers);
    }

    fn renumber_packs(&mut self, numbers: [u8; PACKS]) {
        let renumber = |places: &mut Places| {
            for (n, place) in places.iter() {
                places.set(n, Some(Place { pack: numbers[usize::from(place.pack)], ..place }));
            }
        };
        for pack in &mut self.packs {
            renumber(&mut pack.moves);
        }
        for point in &mut self.points {
            renumber(&mut point.places);
        }
        for writer in &mut self.writers {
            renumber(&mut writer.places);
        }
        for collector in &mut self.collectors {
            let plan = collector.plan;
            collector.plan = (0..PACKS).fold(0, |all, n| all | (plan >> n & 1) << numbers[n]);
            if collector.replacement != NONE {
                collector.replacement = numbers[usize::from(collector.replacement)];
            }
        }
        if matches!(self.reader.reading, Reading::Holds | Reading::Missed) {
            self.reader.at = numbers[usize::from(self.reader.at >> 1)] << 1 | self.reader.at & 1;
        }
    }
}

impl Writer {
    /// What tells two writers apart without the numbers of packs and sessions.
    fn standing(&self) -> (Phase, u8, bool, View, usize, u8) {
        (self.phase, self.run, self.landed, self.view, self.places.iter().count(), self.secured)
    }
}

impl Collector {
    fn standing(&self) -> (Phase, bool, View, u32, bool) {
        (self.phase, self.landed, self.view, self.plan.count_ones(), self.replacement == NONE)
    }
}
