//! The command line from outside: the built binary on temporary folders, with a home of its own.

#![expect(clippy::unwrap_used, reason = "a test says by failing what it expected")]

mod archived;
mod archives;
#[expect(dead_code, reason = "faults of policies are tried by the engine's own tests")]
#[path = "../../../engine/tests/it/store/azure/layer/mod.rs"]
mod azure_layer;
mod backup;
mod cacheless;
mod check;
mod ci;
mod clocks;
mod copy;
mod credentials;
mod cures;
mod damage_table;
mod escaped;
mod exit_codes;
mod expire;
mod flips;
mod foreign;
#[path = "../../../engine/tests/it/newer/forge.rs"]
mod forge;
mod forks;
mod fuzz;
mod gc;
mod generated;
mod golden;
mod help;
mod hooks;
mod immutability;
mod incidents;
mod jobs;
mod json;
mod kept;
mod key_file;
mod key_slots;
mod keys;
mod killed;
mod known;
mod later;
mod left_meanwhile;
mod lists;
mod looking;
mod migrate;
mod ministack;
mod mount_collected;
mod mount_helper;
mod mount_life;
mod mount_options;
mod mount_outage;
mod mount_place;
mod mount_units;
mod mount_updatedb;
mod mounted;
mod network;
mod newer;
mod no_store;
mod outages;
mod overlap;
mod own_folders;
mod packages;
mod probing;
mod profiles;
mod reader;
mod removed_password;
mod renumbered;
mod repair;
mod restore;
mod retrieve;
mod room;
mod runs;
mod schedule;
mod seaweed;
mod serve;
mod servers;
mod shared;
mod soak;
mod spoiled;
mod stopped;
mod support;
#[expect(dead_code, reason = "losing an answer is tried by the engine's own tests")]
#[path = "../../../engine/tests/it/store/thaw/mod.rs"]
mod thaw;
mod third;
mod unchanged;
mod verify;
