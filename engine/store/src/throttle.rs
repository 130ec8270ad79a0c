//! Keeps uploads and downloads below a rate, over all threads together.
//!
//! A bucket of tokens for each direction: bytes may go while it is not in debt, and a large object puts it into debt that the
//! next one waits for. So a long run keeps the rate, whatever the sizes. Uploads pay before they go; downloads pay when they
//! have come, as their length is not known before. Once the process is told to end nobody waits: what is ready is stored at full speed. Refuses to slice a request: an object goes at full speed once it goes.

use super::{Limits, ObjectName, ObjectRef, PutOptions, Read, ReadRange, Receipt, Store};
use crate::forward;
use base::ending;
use base::error::Result;
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A store with limited rates.
#[derive(Debug)]
pub struct Throttled {
    inner: Arc<dyn Store>,
    upload: Option<Arc<Gate>>,
    download: Option<Arc<Gate>>,
}

impl Throttled {
    /// Limits `inner`; an unlimited direction costs nothing.
    pub fn new(inner: Arc<dyn Store>, limits: Limits) -> Self {
        let gate = |rate: Option<u64>| rate.map(|rate| Arc::new(Gate::new(rate)));
        Throttled {
            inner,
            upload: gate(limits.upload_bytes_per_second),
            download: gate(limits.download_bytes_per_second),
        }
    }

    fn up(&self, bytes: usize) {
        if let Some(gate) = &self.upload {
            gate.pass(bytes);
        }
    }

    fn down(&self, bytes: &Bytes) {
        if let Some(gate) = &self.download {
            gate.pass(bytes.len());
        }
    }
}

impl Store for Throttled {
    forward!(inner: location, head, list, versions, delete, extend_lock, retrieve, rest_again, now, capabilities, room);

    fn put(&self, name: &ObjectName, bytes: Bytes, options: &PutOptions) -> Result<Receipt> {
        self.up(bytes.len());
        self.inner.put(name, bytes, options)
    }

    fn read(&self, object: ObjectRef<'_>, range: ReadRange) -> Result<Read> {
        self.inner.read(object, range).inspect(|read| self.down(&read.bytes))
    }

    fn fresh(&self) -> Result<Option<Arc<dyn Store>>> {
        let over = |inner| Throttled { inner, upload: self.upload.clone(), download: self.download.clone() };
        Ok(self.inner.fresh()?.map(|inner| Arc::new(over(inner)) as Arc<dyn Store>))
    }
}

/// One direction: the bucket and the machine's clock. The clock here paces only; nothing is decided by it.
#[derive(Debug)]
struct Gate {
    start: Instant,
    bucket: Mutex<Bucket>,
}

impl Gate {
    fn new(bytes_per_second: u64) -> Self {
        Gate { start: Instant::now(), bucket: Mutex::new(Bucket::new(bytes_per_second)) }
    }

    fn pass(&self, bytes: usize) {
        let wait = self.bucket.lock().take(bytes as u64, self.start.elapsed());
        if !wait.is_zero() {
            ending::sleep(wait);
        }
    }
}

/// When the next byte may go, as a point on a clock that starts at zero.
#[derive(Debug)]
struct Bucket {
    bytes_per_second: f64,
    free_at: Duration,
}

impl Bucket {
    fn new(bytes_per_second: u64) -> Self {
        // A rate of nothing would wait for ever.
        #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 53 bits")]
        Bucket { bytes_per_second: bytes_per_second.max(1) as f64, free_at: Duration::ZERO }
    }

    /// Takes the tokens for `bytes` at the time `now`, and says how long their owner has to wait.
    fn take(&mut self, bytes: u64, now: Duration) -> Duration {
        // What was not used in the last moments may be used at once, but not what was not used in the last hour.
        let start = self.free_at.max(now.saturating_sub(BURST));
        #[expect(clippy::cast_precision_loss, reason = "lengths of objects are far below 2^53")]
        let seconds = bytes as f64 / self.bytes_per_second;
        self.free_at = start.saturating_add(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
        self.free_at.saturating_sub(now)
    }
}

const BURST: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Memory, MeteredStore, RequestKind, StoreExt};

    /// Runs `sizes` one after the other through a bucket on a made clock; returns the seconds it took.
    fn seconds(bucket: &mut Bucket, sizes: &[u64], mut now: Duration) -> f64 {
        let start = now;
        for size in sizes {
            now += bucket.take(*size, now);
        }
        (now - start).as_secs_f64()
    }

    #[test]
    fn the_rate_holds_over_a_long_run_of_any_sizes() {
        let sizes: Vec<u64> = (0..1000).map(|i| (i * 7919) % 5_000_000).collect();
        let total: u64 = sizes.iter().sum();
        let took = seconds(&mut Bucket::new(1_000_000), &sizes, Duration::from_secs(100));
        let rate = total as f64 / took;
        assert!((990_000.0..1_010_000.0).contains(&rate), "{rate}");
    }

    #[test]
    fn a_long_pause_saves_no_tokens() {
        let mut bucket = Bucket::new(1000);
        bucket.take(1000, Duration::from_secs(1));
        let wait = bucket.take(10_000, Duration::from_secs(3600));
        assert_eq!(wait, Duration::from_secs(10) - BURST);
    }

    #[test]
    fn a_rate_of_zero_waits_but_ends() {
        assert!(Bucket::new(0).take(10, Duration::ZERO) <= Duration::from_secs(10));
    }

    #[test]
    fn every_byte_of_both_directions_pays() {
        let counted = MeteredStore::new(Arc::new(Memory::new()));
        let counts = counted.counts();
        let limits = Limits { upload_bytes_per_second: Some(1 << 40), download_bytes_per_second: Some(1 << 40) };
        let store = Throttled::new(Arc::new(counted), limits);
        let name = ObjectName::new("a").unwrap();
        store.put_new(&name, Bytes::from(vec![1; 4000])).unwrap();
        store.get(&name).unwrap();
        store.get_range(&name, 0..100).unwrap();
        store.get_tail(&name, 10).unwrap();
        let paid = |gate: &Option<Arc<Gate>>| gate.as_ref().unwrap().bucket.lock().free_at;
        assert!(paid(&store.upload) > Duration::ZERO && paid(&store.download) > Duration::ZERO);
        assert_eq!((counts.bytes_up(), counts.bytes_down()), (4000, 4110));
        assert_eq!(counts.requests(RequestKind::Get), 3);
    }
}
