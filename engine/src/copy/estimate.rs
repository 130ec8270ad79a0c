//! What a copy will take: requests, bytes and money, before anything is read.

use super::wanted::Wanted;
use crate::limits::COPY_PACK_FILL;
use crate::price::{Estimate, PriceList, Requests};
use crate::repository::Repository;

/// Requests that a copy makes whatever it carries, about: opening both, one session of its own and one for each point.
const PUTS_A_COPY: u64 = 4;
const PUTS_A_POINT: u64 = 3;
/// A pack that is read in parts: its end, its contents, and about so many more.
const GETS_A_LARGE_PACK: u64 = 4;

/// Packs of which most is wanted are read whole, in one request.
pub(super) fn estimate(
    source: &Repository,
    target: &Repository,
    wanted: &Wanted,
    points: u64,
    prices: Option<&PriceList>,
) -> Estimate {
    let mut reads = Requests::default();
    let mut bytes = 0u64;
    for pack in wanted.packs.values() {
        let share = u128::from(pack.bytes) * u128::from(pack.count()) / u128::from(pack.blobs.max(1));
        reads.get += if super::fetch::is_read_whole(pack) { 1 } else { GETS_A_LARGE_PACK };
        bytes = bytes.saturating_add(u64::try_from(share).unwrap_or(u64::MAX));
    }
    let writes = Requests {
        put: bytes.div_ceil(u64::from(COPY_PACK_FILL)) * 2 + PUTS_A_COPY + points * PUTS_A_POINT,
        list: 2,
        ..Requests::default()
    };
    let cost = prices.and_then(|list| {
        let class = |repository: &Repository| {
            let own = Some(repository.config().storage_class.as_str()).filter(|c| !c.is_empty());
            own.into_iter().chain(["STANDARD", "Hot"]).find_map(|name| list.class(name))
        };
        let (from, to) = (class(source)?, class(target)?);
        Some(list.requests(from, &reads) + list.reading(from, bytes) + list.requests(to, &writes))
    });
    let mut requests = reads;
    requests += writes;
    Estimate {
        requests,
        bytes_read: bytes,
        bytes_written: bytes,
        seconds: None,
        cost,
        currency: prices.map_or_else(String::new, |list| list.currency.clone()),
        prices: prices.map_or_else(String::new, PriceList::title),
    }
}
