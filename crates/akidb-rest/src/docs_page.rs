//! The page at `/docs`, to read the description and to try the node.
//!
//! All that it loads is in this program and comes from beside it: a browser without a network shows
//! it, and its policy lets it load nothing else and speak to this node alone.

use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderName, HeaderValue, header};

/// Styles may stand in elements, because Swagger UI writes some there; scripts may not.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

struct Asset {
    path: &'static str,
    content_type: &'static str,
    content: &'static [u8],
    is_gzip: bool,
}

static ASSETS: [Asset; 3] = [
    Asset {
        path: "/docs/start.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_bytes!("../assets/start.js"),
        is_gzip: false,
    },
    Asset {
        path: "/docs/swagger-ui.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_bytes!("../assets/swagger-ui/swagger-ui-bundle.js.gz"),
        is_gzip: true,
    },
    Asset {
        path: "/docs/swagger-ui.css",
        content_type: "text/css; charset=utf-8",
        content: include_bytes!("../assets/swagger-ui/swagger-ui.css.gz"),
        is_gzip: true,
    },
];

static PAGE: Asset = Asset {
    path: "/docs",
    content_type: "text/html; charset=utf-8",
    content: include_bytes!("../assets/docs.html"),
    is_gzip: false,
};

/// The page itself.
pub(crate) async fn page() -> Response {
    PAGE.answer()
}

/// The paths of what the page loads.
pub(crate) fn assets() -> impl Iterator<Item = &'static str> {
    ASSETS.iter().map(|asset| asset.path)
}

/// Adds what the page loads.
pub(crate) fn with_assets<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    ASSETS.iter().fold(router, |router, asset| {
        router.route(asset.path, get(move || async move { asset.answer() }))
    })
}

impl Asset {
    fn answer(&self) -> Response {
        let no_sniffing = HeaderName::from_static("x-content-type-options");
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(self.content_type)),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (no_sniffing, HeaderValue::from_static("nosniff")),
        ];
        let mut response = (headers, self.content).into_response();
        if self.is_gzip {
            // Every browser unpacks it, and the page is for browsers.
            let gzip = HeaderValue::from_static("gzip");
            response.headers_mut().insert(header::CONTENT_ENCODING, gzip);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_loads_only_what_is_beside_it() {
        let page = str::from_utf8(PAGE.content).unwrap();
        let loaded =
            page.split(['\'', '"']).filter(|text| text.contains('/') && !text.contains('<'));
        let loaded: Vec<String> = loaded.map(|path| format!("/{path}")).collect();
        let with_slash = |asset: &Asset| loaded.contains(&asset.path.to_owned());
        assert!(ASSETS.iter().all(with_slash), "{loaded:?}");
        let start = str::from_utf8(ASSETS[0].content).unwrap();
        for text in [page, start] {
            assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("//cdn"));
        }
        // Without this, Swagger UI would ask a validator of the web.
        assert!(start.contains("validatorUrl: null"));
    }

    #[test]
    fn the_page_is_small() {
        let bytes: usize = ASSETS.iter().map(|asset| asset.content.len()).sum();
        assert!(bytes < 600_000, "{bytes}");
    }
}
