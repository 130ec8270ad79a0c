//! Credentials as the client asks for them: `object_store`'s trait, implemented once.

use object_store::CredentialProvider;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

/// Where credentials come from.
pub(super) type Source<T> = Arc<dyn CredentialProvider<Credential = T>>;
/// Work on the heap, as traits want it.
pub(super) type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// What the client gets.
type Outcome<T> = object_store::Result<Arc<T>>;

/// Credentials that `get` gives each time that the client asks.
pub(super) fn provider<T, F, W>(get: F) -> Source<T>
where
    T: fmt::Debug + Send + Sync + 'static,
    F: Fn() -> W + Send + Sync + 'static,
    W: Future<Output = Outcome<T>> + Send + 'static,
{
    Arc::new(Provider(Box::new(move || Box::pin(get()))))
}

struct Provider<T>(Box<dyn Fn() -> Pending<'static, Outcome<T>> + Send + Sync>);

impl<T> fmt::Debug for Provider<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provider { .. }")
    }
}

impl<T: fmt::Debug + Send + Sync + 'static> CredentialProvider for Provider<T> {
    type Credential = T;

    fn get_credential<'life0, 'async_trait>(&'life0 self) -> Pending<'async_trait, Outcome<T>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        (self.0)()
    }
}
