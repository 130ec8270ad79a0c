//! The rig of these proofs: that of `testkit`.

pub(crate) use testkit::noise;
pub(crate) use testkit::rig::{
    CHEAP, PASSWORD, Rig, contents, copy_of, interrupted, names_of, parallel, restore_options, shown,
};
