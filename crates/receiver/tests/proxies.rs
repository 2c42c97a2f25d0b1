//! The examples of reverse proxies let every public route through.

const ROUTER: &str = include_str!("../src/lib.rs");
const CADDY: &str = include_str!("../../../deploy/reverse-proxy/Caddyfile");
const NGINX: &str = include_str!("../../../deploy/reverse-proxy/nginx.conf");

#[test]
fn every_public_route_passes_the_proxies() {
    let (_, router) = ROUTER.split_once("pub fn router").expect("the router");
    let routes = router.split("\"/").skip(1).filter_map(|rest| rest.split_once('/'));
    let first: Vec<&str> = routes.map(|(first, _)| first).collect();
    assert!(first.contains(&"webhooks") && first.contains(&"u"), "{first:?}");
    for route in first {
        assert!(CADDY.contains(&format!(" /{route}/*")), "the Caddyfile stops /{route}/");
        let whole = NGINX.contains(&format!("location /{route}/"));
        let (_, keys) = NGINX.split_once("location ~ ^/[").expect("the routes that are keys");
        let key = keys.split_once(']').is_some_and(|(keys, _)| keys.contains(route));
        assert!(whole || key, "nginx.conf stops /{route}/");
    }
}
