//! The folders that a backup itself writes to: its repository, and what this machine caches of any.
//!
//! Promises: a folder is known by its inode when a walk begins, whatever path, symlink or bind mount leads to it; the default
//! repository and a first cache are there by then. Refuses to judge a source itself: who names the repository as a source is told
//! so by the command line.

use base::temporary;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where a backup writes to on this machine.
#[derive(Debug, Clone, Default)]
pub struct OwnFolders {
    /// The folder of its repository, if that is one.
    pub repository: Option<PathBuf>,
    /// The cache folder. Only what is unmistakably a cache in it is left out (folders and configs that are named by a repository's
    /// id, the locks of runs): the folder may be anybody's.
    pub cache: Option<PathBuf>,
    /// Where such things lie if the cache folder takes none. It counts if nobody else can write to it, who could put a link there to
    /// what shall not be backed up.
    pub passing: Option<PathBuf>,
}

/// One that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFolder {
    /// Its path, all symlinks followed.
    pub path: PathBuf,
    /// What it is.
    pub what: &'static str,
    device: u64,
    inode: u64,
}

impl OwnFolders {
    /// Those that are there now.
    pub fn found(&self) -> Vec<OwnFolder> {
        let repository = self.repository.iter().filter_map(|path| OwnFolder::at(path, REPOSITORY));
        let passing = self.passing.iter().filter(|folder| temporary::is_private(folder));
        let places: Vec<&PathBuf> = self.cache.iter().chain(passing).collect();
        let caches = places.iter().flat_map(|cache| ["", "ranges", "spool"].map(|below| cache.join(below)));
        let named = caches.flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten());
        let named = named.filter(is_named_by_repository);
        let told = places.iter().flat_map(|cache| {
            let [configs, running] = ["configs", "running"].map(|below| cache.join(below));
            let configs = Some(configs).filter(|configs| holds_only_ids(configs));
            [configs, Some(running).filter(|running| running.join("gate").is_file())]
        });
        let told = told.flatten().filter_map(|path| OwnFolder::at(&path, CACHE));
        // Where the cache has no lasting place, or packs none to be filled in.
        let passing = self.cache.iter().flat_map(|_| temporary::made());
        let told = told.chain(passing.filter_map(|path| OwnFolder::at(&path, CACHE)));
        repository.chain(named.filter_map(|item| OwnFolder::at(&item.path(), CACHE))).chain(told).collect()
    }
}

impl OwnFolder {
    fn at(path: &Path, what: &'static str) -> Option<OwnFolder> {
        let path = path.canonicalize().ok()?;
        let found = fs::metadata(&path).ok().filter(fs::Metadata::is_dir)?;
        Some(OwnFolder { path, what, device: found.dev(), inode: found.ino() })
    }

    /// Why the folder of this inode is left out, if it is this one.
    pub fn leaves_out(&self, device: u64, inode: u64) -> Option<String> {
        ((self.device, self.inode) == (device, inode)).then(|| format!("left out: it is {}", self.what))
    }
}

/// Whether a folder holds nothing but what is named by repositories: kept configs.
fn holds_only_ids(folder: &Path) -> bool {
    let mut names = fs::read_dir(folder).into_iter().flatten().flatten().peekable();
    names.peek().is_some() && names.all(|item| is_named_by_repository(&item))
}

/// Whether a name is an id as ids are written ([`format_spec::RepositoryId`]).
fn is_named_by_repository(item: &fs::DirEntry) -> bool {
    let name = item.file_name();
    name.len() == 32 && name.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit)
}

const REPOSITORY: &str = "the repository of this backup";
const CACHE: &str = "a cache of cairn";

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_what_is_named_by_a_repository_is_taken_for_a_cache() {
        let folder = tempfile::tempdir().expect("a folder");
        let (id, at) = ("0123456789abcdef0123456789abcdef", folder.path());
        for below in
            [&format!("cache/{id}")[..], &format!("cache/spool/{id}"), "cache/configs", "cache/running", "repo"]
        {
            fs::create_dir_all(at.join(below)).expect("folders");
        }
        std::os::unix::fs::symlink(at.join("repo"), at.join("link")).expect("a link");
        fs::write(at.join("cache/configs/mine"), b"1").expect("a file");
        fs::write(at.join("cache/running/mine"), b"1").expect("a file");
        let own = OwnFolders { repository: Some(at.join("link")), cache: Some(at.join("cache")), passing: None };
        let found: Vec<PathBuf> = own.found().into_iter().map(|own| own.path).collect();
        let real = at.canonicalize().expect("a folder");
        let wanted =
            ["repo".to_owned(), format!("cache/{id}"), format!("cache/spool/{id}")].map(|below| real.join(below));
        assert_eq!(found, wanted);
        fs::rename(at.join("cache/configs/mine"), at.join("cache/configs").join(id)).expect("a file");
        fs::rename(at.join("cache/running/mine"), at.join("cache/running/gate")).expect("a file");
        let found = own.found();
        let named = |below: &str| found.iter().any(|own| own.path == real.join(below));
        assert!(found.len() == 5 && named("cache/configs") && named("cache/running"), "{found:?}");
        assert_eq!(OwnFolders::default().found(), []);
        // A folder of passing files, which somebody else may have made first.
        let passing = OwnFolders { passing: Some(at.join("cache")), ..OwnFolders::default() };
        for (mode, wanted) in [(0o700, 4), (0o777, 0)] {
            fs::set_permissions(at.join("cache"), fs::Permissions::from_mode(mode)).expect("a mode");
            assert_eq!(passing.found().len(), wanted, "{mode:o}");
        }
        assert_eq!(id.len(), format_spec::RepositoryId([0; 16]).to_string().len());
    }
}
