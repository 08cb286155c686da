//! Where the service is: what it is called from outside. A proxy may serve it under a path, which it takes off before the
//! request arrives and which every address in an answer needs.

use poem::http::{HeaderMap, Uri, header};

/// The place of a service.
pub struct Place {
    /// Without a slash at its end; empty if it is not set.
    pub public_url: String,
    /// The path in it.
    prefix: String,
}

impl Place {
    /// `public_url` has no slash at its end.
    pub fn new(public_url: Option<&str>) -> Self {
        let public_url = public_url.unwrap_or_default().to_owned();
        let uri = public_url.parse::<Uri>().ok();
        let path = uri.as_ref().map(Uri::path).unwrap_or_default();
        Self {
            prefix: path.trim_end_matches('/').to_owned(),
            public_url,
        }
    }

    /// Makes the paths in headers those that the client uses.
    pub fn prefix_paths(&self, headers: &mut HeaderMap) {
        if self.prefix.is_empty() {
            return;
        }
        for name in [header::LOCATION, header::CONTENT_LOCATION] {
            let path = headers.get(&name).and_then(|path| path.to_str().ok());
            let path = path.filter(|path| path.starts_with('/') && !path.starts_with("//"));
            let whole = path.and_then(|path| format!("{}{path}", self.prefix).parse().ok());
            if let Some(whole) = whole {
                headers.insert(name, whole);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(public_url: Option<&str>, location: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, location.parse().expect("a value"));
        Place::new(public_url).prefix_paths(&mut headers);
        headers[header::LOCATION].to_str().expect("text").to_owned()
    }

    #[test]
    fn paths_get_the_prefix_and_other_addresses_stay() {
        let public_url = Some("https://example.com/auth-service");
        assert_eq!(location(public_url, "/users/1"), "/auth-service/users/1");
        assert_eq!(location(public_url, "//host/1"), "//host/1");
        assert_eq!(
            location(public_url, "https://a.example/"),
            "https://a.example/"
        );
        assert_eq!(
            location(Some("https://example.com"), "/users/1"),
            "/users/1"
        );
        assert_eq!(location(None, "/users/1"), "/users/1");
    }
}
