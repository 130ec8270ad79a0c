//! What a store really does, tried out before a repository is made in it, and written down in its config.

use super::CreateRequest;
use crate::open_store::CHECKSUM_ENFORCED;
use engine::env::SharedEnv;
use engine::store::{Probed, Store, probe, probe_class, probe_lock};
use engine::{Error, Kind, Result};

/// Tries out what the request needs, and gives back what was proven, also as the config keeps it.
pub(super) fn try_out(
    store: &dyn Store,
    request: &CreateRequest<'_>,
    is_locked: bool,
    env: &SharedEnv,
    probing: &dyn Fn(&str),
) -> Result<(Probed, String)> {
    let probed = probe(store, &**env, probing)?;
    probed.require()?;
    let mut lines = written(&probed);
    if is_locked {
        let locks = probe_lock(store, &**env, probing)?;
        locks.require().map_err(|e| e.on(store.location()))?;
        lines = [lines, locks.lines().join("\n")].join("\n");
    }
    if let Some(class) = request.storage_class {
        let classes = probe_class(store, &**env, class, probing)?;
        classes.require().map_err(|e| e.on(store.location()))?;
        if class.is_archive() && !probed.checksum_enforced {
            let message = format!("the store verifies no checksums, and what rests in {class} cannot be read back");
            return Err(Error::new(Kind::Unsupported, message)
                .on(store.location())
                .advise("choose a class that can be read at once, or a store that verifies what it is sent"));
        }
        lines = [lines, classes.lines().join("\n")].join("\n");
    }
    Ok((probed, lines))
}

/// What was proven, as the config keeps it: lines `name=value`.
fn written(probed: &Probed) -> String {
    let word = |proven: bool| if proven { "yes" } else { "no" };
    let versioned = probed.versioned.map_or("unknown", word);
    let mut lines = vec![
        format!("create_is_atomic={}", word(probed.create_is_atomic)),
        format!("ranges={}", word(probed.ranges)),
        format!("listing_complete={}", word(probed.listing_complete)),
        format!("delete={}", word(probed.delete)),
        format!("versioned={versioned}"),
        format!("rounds={}", probed.rounds),
    ];
    if probed.checksum_enforced {
        lines.push(CHECKSUM_ENFORCED.to_owned());
    }
    lines.extend(probed.observed.iter().map(|seen| format!("observed={}", seen.replace('\n', " "))));
    lines.join("\n")
}
