//! Generations: how far beyond what is needed an object is locked, so that it need not be extended at every backup.

/// Whose storage it is, as far as it matters for generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Amazon S3, which bills every extension like a put.
    Aws,
    /// IBM Cloud Object Storage, which does too.
    Ibm,
    /// Anybody else.
    Other,
}

impl Provider {
    /// The provider of an S3 endpoint; without one it is Amazon.
    pub fn of_s3(endpoint: Option<&str>) -> Self {
        let Some(endpoint) = endpoint.map(str::trim).filter(|e| !e.is_empty()) else { return Provider::Aws };
        let host = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
        let host = host.split(['/', ':']).next().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
        let below = |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|sub| sub.ends_with('.'));
        if below("amazonaws.com") || below("amazonaws.com.cn") {
            Provider::Aws
        } else if below("cloud-object-storage.appdomain.cloud") {
            Provider::Ibm
        } else {
            Provider::Other
        }
    }

    /// Days that a lock reaches beyond what is needed: long where each extension costs money.
    pub fn generation_days(self) -> u32 {
        match self {
            Provider::Aws | Provider::Ibm => 30,
            Provider::Other => 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_tells_the_provider_and_it_the_generation() {
        let cases = [
            (None, Provider::Aws, 30),
            (Some(""), Provider::Aws, 30),
            (Some("https://s3.eu-central-1.amazonaws.com"), Provider::Aws, 30),
            (Some("https://S3.CN-NORTH-1.AMAZONAWS.COM.CN:443/x"), Provider::Aws, 30),
            (Some("https://s3.eu-de.cloud-object-storage.appdomain.cloud"), Provider::Ibm, 30),
            (Some("https://s3.wasabisys.com"), Provider::Other, 10),
            (Some("http://127.0.0.1:8333"), Provider::Other, 10),
            (Some("https://amazonaws.com.example.org"), Provider::Other, 10),
            (Some("https://notamazonaws.com"), Provider::Other, 10),
        ];
        for (endpoint, provider, days) in cases {
            assert_eq!(Provider::of_s3(endpoint), provider, "{endpoint:?}");
            assert_eq!(provider.generation_days(), days, "{endpoint:?}");
        }
    }
}
