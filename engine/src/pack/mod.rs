//! Packs: one stored object that carries many sealed blocks.
//!
//! Pure: bytes in, bytes out. Where packs are kept is [`crate::store`]'s concern, who refers to them is [`crate::index`]'s. A pack
//! leaves this room only after its own directory has been decoded again and found equal.
//!
//! ```text
//! block | block | ... | contents | (parity) | directory | trailer      (format-spec/spec/pack.md, PACK-1..13)
//! ```

mod builder;
mod heal;
mod open;
mod reseal;

pub use builder::{Body, FinishedPack, PackBuilder, PackedBlock};
pub use heal::heal;
pub use open::{PackTail, open_block};
