//! Whether the repository that a place shows is one that was accepted there.

use super::record::Record;
use super::row::Row;
use format_spec::RepositoryId;
use format_spec::container::Suite;

/// How a repository stands to what is known of its location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is known of the location.
    First,
    /// It is known, and no weaker than it was.
    Known(Row),
    /// Others are known there.
    Another(Vec<RepositoryId>),
    /// It is known, and was sealed more strongly.
    Weaker(Row),
}

/// Holds a repository against the record of its location.
pub fn judge(record: Option<&Record>, id: RepositoryId, suite: Suite) -> Standing {
    let Some(record) = record.filter(|record| !record.rows.is_empty()) else { return Standing::First };
    match record.row(id) {
        None => Standing::Another(record.rows.iter().map(|row| row.id).collect()),
        Some(row) if strength(suite) < strength(row.suite) => Standing::Weaker(*row),
        Some(row) => Standing::Known(*row),
    }
}

fn strength(suite: Suite) -> u8 {
    match suite {
        Suite::Clear => 0,
        Suite::Aes256Gcm => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_accepted_there_is_known() {
        let (mine, other) = (RepositoryId([1; 16]), RepositoryId([2; 16]));
        let row = Row::new(mine, Suite::Aes256Gcm);
        let record = Record { rows: vec![row], ..Record::new("s3://b") };
        let found = |id, suite| judge(Some(&record), id, suite);
        assert_eq!(judge(None, mine, Suite::Clear), Standing::First);
        assert_eq!(judge(Some(&Record::new("s3://b")), mine, Suite::Clear), Standing::First);
        assert_eq!(found(mine, Suite::Aes256Gcm), Standing::Known(row));
        assert_eq!(found(mine, Suite::Clear), Standing::Weaker(row));
        assert_eq!(found(other, Suite::Aes256Gcm), Standing::Another(vec![mine]));
        let clear = Record { rows: vec![Row::new(mine, Suite::Clear)], ..record.clone() };
        assert!(matches!(judge(Some(&clear), mine, Suite::Aes256Gcm), Standing::Known(_)), "stronger is no harm");
    }
}
