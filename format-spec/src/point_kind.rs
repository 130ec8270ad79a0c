//! What a restore point is of, and how it was made ([POINT-1]): sources speak of it without knowing how manifests are sealed.

/// Whether all was enumerated, or what had changed. The point is a complete tree either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PointKind {
    /// Everything was looked at. There may be a base all the same ([POINT-17]).
    Full = 1,
    /// What had not changed was taken over from the base.
    Incremental = 2,
}

/// What was backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Workload {
    /// Folders of a file system.
    Folders = 1,
    /// One stream of bytes.
    Stream = 2,
    /// Objects of a Microsoft 365 organisation.
    Microsoft365 = 3,
}
