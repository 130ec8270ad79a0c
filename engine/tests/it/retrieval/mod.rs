//! Data packs that rest in an archive: asked for once, followed by whoever looks, restored as they arrive, and back to rest at the end.

mod arriving;
mod early;
mod killed;
mod life;
mod planned;
pub(crate) mod shelf;
