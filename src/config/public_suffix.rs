//! Domains below which anybody may have a site. This is a part of the Public Suffix List (https://publicsuffix.org): the list
//! itself takes more memory than the rest of the settings, and is another one every week.

/// Labels below which the registries of countries sell names: `co.uk`, `com.au`.
const SECOND_LEVELS: &[&str] = &[
    "ac", "co", "com", "edu", "firm", "gen", "go", "gob", "gouv", "gov", "gv", "id", "ind", "inf",
    "info", "lg", "ltd", "me", "mil", "name", "ne", "net", "nic", "nom", "or", "org", "plc",
    "police", "presse", "pro", "sch", "school", "web",
];

/// Hosts of other people's sites, which give each its own subdomain.
const HOSTING: &[&str] = &[
    "000webhostapp.com",
    "appspot.com",
    "azurecontainerapps.io",
    "azurestaticapps.net",
    "azurewebsites.net",
    "b-cdn.net",
    "bitbucket.io",
    "blogspot.com",
    "cloudapp.net",
    "cloudfront.net",
    "codeberg.page",
    "codesandbox.io",
    "csb.app",
    "ddns.net",
    "deno.dev",
    "duckdns.org",
    "dyndns.org",
    "eu.org",
    "firebaseapp.com",
    "fly.dev",
    "framer.app",
    "framer.website",
    "github.dev",
    "github.io",
    "githubpreview.dev",
    "gitlab.io",
    "gitpod.io",
    "glitch.me",
    "herokuapp.com",
    "hf.space",
    "hopto.org",
    "lhr.life",
    "loca.lt",
    "lovable.app",
    "myshopify.com",
    "neocities.org",
    "netlify.app",
    "ngrok-free.app",
    "ngrok-free.dev",
    "ngrok.app",
    "ngrok.dev",
    "ngrok.io",
    "nip.io",
    "no-ip.org",
    "notion.site",
    "on.aws",
    "ondigitalocean.app",
    "onrender.com",
    "pages.dev",
    "pythonanywhere.com",
    "r2.dev",
    "railway.app",
    "readthedocs.io",
    "repl.co",
    "replit.app",
    "replit.dev",
    "run.app",
    "sslip.io",
    "stackblitz.io",
    "streamlit.app",
    "surge.sh",
    "trafficmanager.net",
    "trycloudflare.com",
    "ts.net",
    "up.railway.app",
    "vercel.app",
    "web.app",
    "webcontainer.io",
    "webflow.io",
    "weebly.com",
    "wixsite.com",
    "wordpress.com",
    "workers.dev",
];

/// Clouds where all names, however long, are given to customers.
const CLOUDS: &[&str] = &[
    "amazonaws.com",
    "amplifyapp.com",
    "azure.com",
    "digitaloceanspaces.com",
    "windows.net",
];

/// Whether anybody may have a site below this domain, as far as that is known here. The domain is in ASCII and in lower case.
pub fn is_public(domain: &str) -> bool {
    let domain = domain.trim_end_matches('.');
    let is_of_country = domain
        .split_once('.')
        .is_some_and(|(label, country)| country.len() == 2 && SECOND_LEVELS.contains(&label));
    let is_of_cloud = CLOUDS.iter().any(|cloud| {
        let rest = domain.strip_suffix(cloud);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    let is_single = !domain.contains('.') && domain != "localhost";
    is_single || is_of_country || is_of_cloud || HOSTING.contains(&domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_of_registries_and_hosts_are_public_and_domains_below_are_not() {
        for domain in [
            "com",
            "uk",
            "co.uk",
            "co.uk.",
            "com.au",
            "or.jp",
            "github.io",
            "vercel.app",
            "amazonaws.com",
            "s3.eu-central-1.amazonaws.com",
            "blob.core.windows.net",
        ] {
            assert!(is_public(domain), "{domain}");
        }
        for domain in [
            "example.com",
            "example.co.uk",
            "ada.github.io",
            "team.vercel.app",
            "notamazonaws.com",
            "localhost",
            "shop.de",
            "t.co",
        ] {
            assert!(!is_public(domain), "{domain}");
        }
    }
}
