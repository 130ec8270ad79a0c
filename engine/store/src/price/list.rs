//! Price lists: one TOML file for each provider and region.
//!
//! ```toml
//! name = "example"
//! provider = "Example Storage"
//! region = "somewhere"
//! currency = "USD"
//! known = "2025-06"                    # when somebody looked
//! source = "https://example.com/pricing"
//! gb_bytes = 1073741824                # what the provider calls a GB; this is the default
//! egress_gb = 0.09                     # a GB out to the internet
//!
//! [class.GLACIER]                      # as the store names it
//! storage_gb_month = 0.0036
//! minimum_days = 90                    # deleted earlier, so many are paid for
//! minimum_bytes = 0                    # smaller objects are paid for as if they had so many
//! read_gb = 0.0                        # for reading, where the class asks for it
//! held_in = "STANDARD"                 # retrieved data are paid for as long as they stay, at the price of this class
//! requests = { put = 0.03, get = 0.0004, list = 0.005, head = 0.0004, delete = 0.0 }       # for 1000
//! retrieval.bulk = { gb = 0.0, requests = 0.0, seconds = [18000, 43200], bytes_max = 0 }   # 0: any length
//! ```

use super::estimate::Requests;
use base::error::{Error, Kind, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The prices of one provider in one region.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceList {
    /// What `--prices` calls it.
    pub name: String,
    /// Whose they are.
    pub provider: String,
    /// Where.
    pub region: String,
    /// Of all amounts, such as `USD`.
    pub currency: String,
    /// When they were looked up: year and month.
    pub known: String,
    /// Where they are published.
    pub source: String,
    /// Bytes of what the provider calls a GB.
    #[serde(default = "gib")]
    pub gb_bytes: u64,
    /// A GB out to the internet.
    pub egress_gb: f64,
    /// By the store's name of the class.
    pub class: BTreeMap<String, ClassPrices>,
}

/// The prices of a storage class.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassPrices {
    /// A GB for a month.
    pub storage_gb_month: f64,
    /// Days that are paid for at least.
    #[serde(default)]
    pub minimum_days: u32,
    /// Bytes that are paid for at least.
    #[serde(default)]
    pub minimum_bytes: u64,
    /// A GB that is read, where the class asks for it.
    #[serde(default)]
    pub read_gb: f64,
    /// The class at whose price retrieved data stay.
    pub held_in: Option<String>,
    /// Requests.
    pub requests: RequestPrices,
    /// By the mode's name: expedited, standard, bulk, high.
    #[serde(default)]
    pub retrieval: BTreeMap<String, RetrievalPrice>,
}

/// Prices of 1000 requests.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "verbs")]
pub struct RequestPrices {
    pub put: f64,
    pub get: f64,
    pub list: f64,
    pub head: f64,
    #[serde(default)]
    pub delete: f64,
}

/// What it costs to get something out of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrievalPrice {
    /// A GB.
    pub gb: f64,
    /// 1000 objects.
    pub requests: f64,
    /// From the request until it can be read, in seconds: usually at least and at most.
    pub seconds: [u64; 2],
    /// Longer objects are not promised in that time; 0 for no limit.
    #[serde(default)]
    pub bytes_max: u64,
}

/// Objects of one class to be made readable for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order<'a> {
    /// The store's name of the class.
    pub class: &'a str,
    /// The mode's name.
    pub mode: &'a str,
    /// How many.
    pub objects: u64,
    /// Their lengths together.
    pub bytes: u64,
    /// How long.
    pub days: u32,
}

/// What an [`Order`] takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Priced {
    /// In the list's currency.
    pub cost: f64,
    /// Least and most seconds.
    pub seconds: (u64, u64),
}

impl PriceList {
    /// A list that comes with Cairn; [`PriceList::names`] has their names.
    ///
    /// # Errors
    /// `Input` when there is none of this name.
    pub fn builtin(name: &str) -> Result<Self> {
        let (_, text) = BUILTIN.iter().find(|(known, _)| *known == name).ok_or_else(|| {
            Error::new(Kind::Input, "there is no price list of this name")
                .on(name)
                .advise(format!("known ones are {}; a file is named by its path", PriceList::names().join(", ")))
        })?;
        PriceList::parse(text).map_err(|e| e.on(name))
    }

    /// The names of the lists that come with Cairn.
    pub fn names() -> Vec<&'static str> {
        BUILTIN.iter().map(|(name, _)| *name).collect()
    }

    /// A list from a file.
    ///
    /// # Errors
    /// Those of reading it; `Input` where it is no price list.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            Error::from(e).on(path.display()).advise("--prices takes a readable file, or the name of a list")
        })?;
        PriceList::parse(&text).map_err(|e| e.on(path.display()))
    }

    /// A list from its text.
    ///
    /// # Errors
    /// `Input`, with the line that makes no sense.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: String| {
            Error::new(Kind::Input, format!("this is no price list: {what}"))
                .advise("engine/store/src/price/list.rs shows the form; the lists that come with Cairn are examples")
        };
        let list: PriceList = toml::from_str(text).map_err(|e| wrong(e.to_string()))?;
        list.check().map_err(wrong)?;
        Ok(list)
    }

    /// What the list says of a class, whatever the case of its letters.
    pub fn class(&self, name: &str) -> Option<&ClassPrices> {
        self.class.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, prices)| prices)
    }

    /// For people: which list, and of when.
    pub fn title(&self) -> String {
        format!("{} ({}, {})", self.name, self.provider, self.known)
    }

    /// What it takes to make objects readable, and to keep them so; `None` where the list does not know the class or the mode.
    pub fn retrieval(&self, order: &Order<'_>) -> Option<Priced> {
        let class = self.class(order.class)?;
        let price = class.retrieval.get(order.mode)?;
        let held = class.held_in.as_deref().and_then(|name| self.class(name)).map_or(0.0, |c| c.storage_gb_month);
        let gb = self.gb(order.bytes);
        let months = f64::from(order.days) / DAYS_A_MONTH;
        let cost = price.gb * gb + thousands(order.objects) * price.requests + held * gb * months;
        Some(Priced { cost, seconds: (price.seconds[0], price.seconds[1]) })
    }

    /// What requests cost in a class; retrievals have prices of their own and are left out.
    pub fn requests(&self, class: &ClassPrices, requests: &Requests) -> f64 {
        let p = &class.requests;
        let by = [
            (requests.put, p.put),
            (requests.get, p.get),
            (requests.list, p.list),
            (requests.head, p.head),
            (requests.delete, p.delete),
        ];
        by.iter().map(|(n, price)| thousands(*n) * price).sum()
    }

    /// What it costs to read bytes of a class, and to bring them out to the internet.
    pub fn reading(&self, class: &ClassPrices, bytes: u64) -> f64 {
        self.gb(bytes) * (class.read_gb + self.egress_gb)
    }

    /// What it costs to keep bytes in a class for a month.
    pub fn storage_month(&self, class: &ClassPrices, bytes: u64) -> f64 {
        self.gb(bytes) * class.storage_gb_month
    }

    /// What is paid for an object that is deleted so many days before its class's minimum.
    pub fn early(&self, class: &ClassPrices, bytes: u64, days_left: u32) -> f64 {
        self.storage_month(class, bytes.max(class.minimum_bytes)) * f64::from(days_left) / DAYS_A_MONTH
    }

    #[expect(clippy::cast_precision_loss, reason = "prices are estimates")]
    fn gb(&self, bytes: u64) -> f64 {
        bytes as f64 / self.gb_bytes as f64
    }

    fn check(&self) -> Result<(), String> {
        if self.gb_bytes == 0 || self.class.is_empty() || self.name.is_empty() {
            return Err("name, gb_bytes and at least one class are needed".to_owned());
        }
        let mut amounts = vec![("egress_gb", self.egress_gb)];
        for (name, class) in &self.class {
            let p = &class.requests;
            amounts.extend([p.put, p.get, p.list, p.head, p.delete].map(|amount| (&name[..], amount)));
            amounts.extend([class.storage_gb_month, class.read_gb].map(|amount| (&name[..], amount)));
            if let Some(held) = class.held_in.as_deref().filter(|held| self.class(held).is_none()) {
                return Err(format!("class {name} is held in {held}, which has no prices"));
            }
            for (mode, price) in &class.retrieval {
                amounts.extend([price.gb, price.requests].map(|amount| (&mode[..], amount)));
                if !MODES.contains(&&mode[..]) || price.seconds[0] > price.seconds[1] {
                    return Err(format!("{name}: retrieval {mode} is no mode, or its seconds fall"));
                }
            }
        }
        match amounts.iter().find(|(_, amount)| !amount.is_finite() || *amount < 0.0) {
            Some((what, amount)) => Err(format!("{what}: {amount} is no price")),
            None => Ok(()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "prices are estimates")]
fn thousands(n: u64) -> f64 {
    n as f64 / 1000.0
}

fn gib() -> u64 {
    1 << 30
}

const DAYS_A_MONTH: f64 = 30.0;
const MODES: [&str; 4] = ["expedited", "standard", "bulk", "high"];
const BUILTIN: [(&str, &str); 6] = [
    ("generic", include_str!("data/generic.toml")),
    ("aws-us-east-1", include_str!("data/aws-us-east-1.toml")),
    ("aws-eu-central-1", include_str!("data/aws-eu-central-1.toml")),
    ("azure-westeurope", include_str!("data/azure-westeurope.toml")),
    ("wasabi", include_str!("data/wasabi.toml")),
    ("ibm", include_str!("data/ibm.toml")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_that_come_along_are_lists_under_their_own_names() {
        for name in PriceList::names() {
            let list = PriceList::builtin(name).unwrap();
            assert_eq!(list.name, name);
            assert!(list.known.len() == 7 && list.source.starts_with("https://"), "{name} says when and where");
        }
        assert_eq!(PriceList::builtin("nobody").unwrap_err().kind(), Kind::Input);
    }

    #[test]
    fn a_retrieval_costs_its_requests_its_bytes_and_its_days() {
        let list = PriceList::builtin("aws-us-east-1").unwrap();
        let order = Order { class: "deep_archive", mode: "standard", objects: 4000, bytes: 1000 << 30, days: 30 };
        let priced = list.retrieval(&order).unwrap();
        // 1000 GB at 0.02, 4000 requests at 0.10 for 1000, a month of STANDARD at 0.023.
        assert!((priced.cost - (20.0 + 0.4 + 23.0)).abs() < 1e-9, "{priced:?}");
        assert_eq!(priced.seconds, (43_200, 43_200));
        assert_eq!(list.retrieval(&Order { mode: "expedited", ..order }), None, "Deep Archive has no such mode");
        assert_eq!(list.retrieval(&Order { class: "Archive", ..order }), None);
    }

    #[test]
    fn what_is_no_price_list_is_refused_with_what_is_wrong() {
        let good = include_str!("data/generic.toml");
        for (old, new, what) in [
            ("egress_gb = 0.09", "egress_gb = -1.0", "egress_gb"),
            ("egress_gb = 0.09", "egress_gb = nan", "egress_gb"),
            ("egress_gb = 0.09", "egress = 0.09", "egress"),
            ("held_in = \"STANDARD\"", "held_in = \"NOWHERE\"", "NOWHERE"),
            ("retrieval.bulk", "retrieval.slow", "slow"),
        ] {
            assert!(good.contains(old), "{old}");
            let e = PriceList::parse(&good.replace(old, new)).unwrap_err();
            assert!(e.kind() == Kind::Input && e.to_string().contains(what), "{e}");
        }
    }
}
