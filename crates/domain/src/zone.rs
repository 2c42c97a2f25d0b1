//! The clocks by which somebody lives, as far as an address tells.

use jiff::tz::TimeZone;

/// The time zone of a country (ISO 3166-1 alpha-2, such as `US`) and, where it has several, of the
/// region, as ISO 3166-2 has it (`CA` or `US-CA`) or shop platforms do.
///
/// A region with several zones has that of most of its people. So has a country, where few live by
/// other clocks and in regions that are known here: Spain is on Madrid's time but for the Canaries.
/// `None` if that is not enough to know, or for a zone that the time zone database does not have.
#[must_use]
pub fn zone_of(country: &str, region: Option<&str>) -> Option<TimeZone> {
    let name = region.and_then(|region| of_region(country, region)).or_else(|| of_country(country));
    TimeZone::get(name?).ok()
}

fn of_country(country: &str) -> Option<&'static str> {
    let found = COUNTRIES.iter().find(|(code, _)| code.eq_ignore_ascii_case(country));
    found.map(|(_, zone)| *zone)
}

fn of_region(country: &str, region: &str) -> Option<&'static str> {
    let region = match region.split_once('-') {
        Some((prefix, code)) if prefix.eq_ignore_ascii_case(country) => code,
        _ => region,
    };
    let is_it = |codes: &str| codes.split(',').any(|code| code.eq_ignore_ascii_case(region));
    let mut regions = REGIONS.iter().filter(|(code, ..)| code.eq_ignore_ascii_case(country));
    regions.find(|(_, _, codes)| is_it(codes)).map(|(_, zone, _)| *zone)
}

/// Countries in which all, or nearly all, live by the same clocks.
///
/// From the time zone database's `zone.tab` (public domain): countries that have one zone, or whose
/// zones show the same time from 2027 on; and Chile, China, Ecuador, French Polynesia, Greenland,
/// Mongolia, New Zealand, Papua New Guinea, Portugal, Spain and Ukraine.
#[rustfmt::skip]
const COUNTRIES: &[(&str, &str)] = &[
    ("AD", "Europe/Andorra"), ("AE", "Asia/Dubai"), ("AF", "Asia/Kabul"), ("AG", "America/Antigua"),
    ("AI", "America/Anguilla"), ("AL", "Europe/Tirane"), ("AM", "Asia/Yerevan"),
    ("AO", "Africa/Luanda"), ("AR", "America/Argentina/Buenos_Aires"), ("AS", "Pacific/Pago_Pago"),
    ("AT", "Europe/Vienna"), ("AW", "America/Aruba"), ("AX", "Europe/Mariehamn"),
    ("AZ", "Asia/Baku"), ("BA", "Europe/Sarajevo"), ("BB", "America/Barbados"),
    ("BD", "Asia/Dhaka"), ("BE", "Europe/Brussels"), ("BF", "Africa/Ouagadougou"),
    ("BG", "Europe/Sofia"), ("BH", "Asia/Bahrain"), ("BI", "Africa/Bujumbura"),
    ("BJ", "Africa/Porto-Novo"), ("BL", "America/St_Barthelemy"), ("BM", "Atlantic/Bermuda"),
    ("BN", "Asia/Brunei"), ("BO", "America/La_Paz"), ("BQ", "America/Kralendijk"),
    ("BS", "America/Nassau"), ("BT", "Asia/Thimphu"), ("BW", "Africa/Gaborone"),
    ("BY", "Europe/Minsk"), ("BZ", "America/Belize"), ("CC", "Indian/Cocos"),
    ("CF", "Africa/Bangui"), ("CG", "Africa/Brazzaville"), ("CH", "Europe/Zurich"),
    ("CI", "Africa/Abidjan"), ("CK", "Pacific/Rarotonga"), ("CL", "America/Santiago"),
    ("CM", "Africa/Douala"), ("CN", "Asia/Shanghai"), ("CO", "America/Bogota"),
    ("CR", "America/Costa_Rica"), ("CU", "America/Havana"), ("CV", "Atlantic/Cape_Verde"),
    ("CW", "America/Curacao"), ("CX", "Indian/Christmas"), ("CY", "Asia/Nicosia"),
    ("CZ", "Europe/Prague"), ("DE", "Europe/Berlin"), ("DJ", "Africa/Djibouti"),
    ("DK", "Europe/Copenhagen"), ("DM", "America/Dominica"), ("DO", "America/Santo_Domingo"),
    ("DZ", "Africa/Algiers"), ("EC", "America/Guayaquil"), ("EE", "Europe/Tallinn"),
    ("EG", "Africa/Cairo"), ("EH", "Africa/El_Aaiun"), ("ER", "Africa/Asmara"),
    ("ES", "Europe/Madrid"), ("ET", "Africa/Addis_Ababa"), ("FI", "Europe/Helsinki"),
    ("FJ", "Pacific/Fiji"), ("FK", "Atlantic/Stanley"), ("FO", "Atlantic/Faroe"),
    ("FR", "Europe/Paris"), ("GA", "Africa/Libreville"), ("GB", "Europe/London"),
    ("GD", "America/Grenada"), ("GE", "Asia/Tbilisi"), ("GF", "America/Cayenne"),
    ("GG", "Europe/Guernsey"), ("GH", "Africa/Accra"), ("GI", "Europe/Gibraltar"),
    ("GL", "America/Nuuk"), ("GM", "Africa/Banjul"), ("GN", "Africa/Conakry"),
    ("GP", "America/Guadeloupe"), ("GQ", "Africa/Malabo"), ("GR", "Europe/Athens"),
    ("GS", "Atlantic/South_Georgia"), ("GT", "America/Guatemala"), ("GU", "Pacific/Guam"),
    ("GW", "Africa/Bissau"), ("GY", "America/Guyana"), ("HK", "Asia/Hong_Kong"),
    ("HN", "America/Tegucigalpa"), ("HR", "Europe/Zagreb"), ("HT", "America/Port-au-Prince"),
    ("HU", "Europe/Budapest"), ("IE", "Europe/Dublin"), ("IL", "Asia/Jerusalem"),
    ("IM", "Europe/Isle_of_Man"), ("IN", "Asia/Kolkata"), ("IO", "Indian/Chagos"),
    ("IQ", "Asia/Baghdad"), ("IR", "Asia/Tehran"), ("IS", "Atlantic/Reykjavik"),
    ("IT", "Europe/Rome"), ("JE", "Europe/Jersey"), ("JM", "America/Jamaica"), ("JO", "Asia/Amman"),
    ("JP", "Asia/Tokyo"), ("KE", "Africa/Nairobi"), ("KG", "Asia/Bishkek"),
    ("KH", "Asia/Phnom_Penh"), ("KM", "Indian/Comoro"), ("KN", "America/St_Kitts"),
    ("KP", "Asia/Pyongyang"), ("KR", "Asia/Seoul"), ("KW", "Asia/Kuwait"), ("KY", "America/Cayman"),
    ("KZ", "Asia/Almaty"), ("LA", "Asia/Vientiane"), ("LB", "Asia/Beirut"),
    ("LC", "America/St_Lucia"), ("LI", "Europe/Vaduz"), ("LK", "Asia/Colombo"),
    ("LR", "Africa/Monrovia"), ("LS", "Africa/Maseru"), ("LT", "Europe/Vilnius"),
    ("LU", "Europe/Luxembourg"), ("LV", "Europe/Riga"), ("LY", "Africa/Tripoli"),
    ("MA", "Africa/Casablanca"), ("MC", "Europe/Monaco"), ("MD", "Europe/Chisinau"),
    ("ME", "Europe/Podgorica"), ("MF", "America/Marigot"), ("MG", "Indian/Antananarivo"),
    ("MH", "Pacific/Majuro"), ("MK", "Europe/Skopje"), ("ML", "Africa/Bamako"),
    ("MM", "Asia/Yangon"), ("MN", "Asia/Ulaanbaatar"), ("MO", "Asia/Macau"),
    ("MP", "Pacific/Saipan"), ("MQ", "America/Martinique"), ("MR", "Africa/Nouakchott"),
    ("MS", "America/Montserrat"), ("MT", "Europe/Malta"), ("MU", "Indian/Mauritius"),
    ("MV", "Indian/Maldives"), ("MW", "Africa/Blantyre"), ("MY", "Asia/Kuala_Lumpur"),
    ("MZ", "Africa/Maputo"), ("NA", "Africa/Windhoek"), ("NC", "Pacific/Noumea"),
    ("NE", "Africa/Niamey"), ("NF", "Pacific/Norfolk"), ("NG", "Africa/Lagos"),
    ("NI", "America/Managua"), ("NL", "Europe/Amsterdam"), ("NO", "Europe/Oslo"),
    ("NP", "Asia/Kathmandu"), ("NR", "Pacific/Nauru"), ("NU", "Pacific/Niue"),
    ("NZ", "Pacific/Auckland"), ("OM", "Asia/Muscat"), ("PA", "America/Panama"),
    ("PE", "America/Lima"), ("PF", "Pacific/Tahiti"), ("PG", "Pacific/Port_Moresby"),
    ("PH", "Asia/Manila"), ("PK", "Asia/Karachi"), ("PL", "Europe/Warsaw"),
    ("PM", "America/Miquelon"), ("PN", "Pacific/Pitcairn"), ("PR", "America/Puerto_Rico"),
    ("PS", "Asia/Gaza"), ("PT", "Europe/Lisbon"), ("PW", "Pacific/Palau"),
    ("PY", "America/Asuncion"), ("QA", "Asia/Qatar"), ("RE", "Indian/Reunion"),
    ("RO", "Europe/Bucharest"), ("RS", "Europe/Belgrade"), ("RW", "Africa/Kigali"),
    ("SA", "Asia/Riyadh"), ("SB", "Pacific/Guadalcanal"), ("SC", "Indian/Mahe"),
    ("SD", "Africa/Khartoum"), ("SE", "Europe/Stockholm"), ("SG", "Asia/Singapore"),
    ("SH", "Atlantic/St_Helena"), ("SI", "Europe/Ljubljana"), ("SJ", "Arctic/Longyearbyen"),
    ("SK", "Europe/Bratislava"), ("SL", "Africa/Freetown"), ("SM", "Europe/San_Marino"),
    ("SN", "Africa/Dakar"), ("SO", "Africa/Mogadishu"), ("SR", "America/Paramaribo"),
    ("SS", "Africa/Juba"), ("ST", "Africa/Sao_Tome"), ("SV", "America/El_Salvador"),
    ("SX", "America/Lower_Princes"), ("SY", "Asia/Damascus"), ("SZ", "Africa/Mbabane"),
    ("TC", "America/Grand_Turk"), ("TD", "Africa/Ndjamena"), ("TF", "Indian/Kerguelen"),
    ("TG", "Africa/Lome"), ("TH", "Asia/Bangkok"), ("TJ", "Asia/Dushanbe"),
    ("TK", "Pacific/Fakaofo"), ("TL", "Asia/Dili"), ("TM", "Asia/Ashgabat"), ("TN", "Africa/Tunis"),
    ("TO", "Pacific/Tongatapu"), ("TR", "Europe/Istanbul"), ("TT", "America/Port_of_Spain"),
    ("TV", "Pacific/Funafuti"), ("TW", "Asia/Taipei"), ("TZ", "Africa/Dar_es_Salaam"),
    ("UA", "Europe/Kyiv"), ("UG", "Africa/Kampala"), ("UY", "America/Montevideo"),
    ("UZ", "Asia/Tashkent"), ("VA", "Europe/Vatican"), ("VC", "America/St_Vincent"),
    ("VE", "America/Caracas"), ("VG", "America/Tortola"), ("VI", "America/St_Thomas"),
    ("VN", "Asia/Ho_Chi_Minh"), ("VU", "Pacific/Efate"), ("WF", "Pacific/Wallis"),
    ("WS", "Pacific/Apia"), ("YE", "Asia/Aden"), ("YT", "Indian/Mayotte"),
    ("ZA", "Africa/Johannesburg"), ("ZM", "Africa/Lusaka"), ("ZW", "Africa/Harare"),
];

/// Regions of countries with several clocks: country, zone, and the regions' codes, separated by
/// commas.
///
/// The codes are those of ISO 3166-2, and for Mexico also those of Shopify and WooCommerce. Which
/// zone is theirs follows from `zone.tab` and its comments. Where a region has several, it is that
/// of most people, such as New York's for Florida, Chicago's for Texas and the border's for
/// Tamaulipas.
#[rustfmt::skip]
const REGIONS: &[(&str, &str, &str)] = &[
    ("AU", "Australia/Adelaide", "SA"),
    ("AU", "Australia/Brisbane", "QLD"),
    ("AU", "Australia/Darwin", "NT"),
    ("AU", "Australia/Hobart", "TAS"),
    ("AU", "Australia/Melbourne", "VIC"),
    ("AU", "Australia/Perth", "WA"),
    ("AU", "Australia/Sydney", "ACT,NSW"),
    ("BR", "America/Araguaina", "TO"),
    ("BR", "America/Bahia", "BA"),
    ("BR", "America/Belem", "AP,PA"),
    ("BR", "America/Boa_Vista", "RR"),
    ("BR", "America/Campo_Grande", "MS"),
    ("BR", "America/Cuiaba", "MT"),
    ("BR", "America/Fortaleza", "CE,MA,PB,PI,RN"),
    ("BR", "America/Maceio", "AL,SE"),
    ("BR", "America/Manaus", "AM"),
    ("BR", "America/Porto_Velho", "RO"),
    ("BR", "America/Recife", "PE"),
    ("BR", "America/Rio_Branco", "AC"),
    ("BR", "America/Sao_Paulo", "DF,ES,GO,MG,PR,RJ,RS,SC,SP"),
    ("CA", "America/Edmonton", "AB,NT"),
    ("CA", "America/Halifax", "NS,PE"),
    ("CA", "America/Iqaluit", "NU"),
    ("CA", "America/Moncton", "NB"),
    ("CA", "America/Regina", "SK"),
    ("CA", "America/St_Johns", "NL"),
    ("CA", "America/Toronto", "ON,QC"),
    ("CA", "America/Vancouver", "BC"),
    ("CA", "America/Whitehorse", "YT"),
    ("CA", "America/Winnipeg", "MB"),
    ("CL", "America/Coyhaique", "AI"),
    ("CL", "America/Punta_Arenas", "MA"),
    ("EC", "Pacific/Galapagos", "W"),
    // The autonomous community and its two provinces, one of which shops name.
    ("ES", "Atlantic/Canary", "CN,GC,TF"),
    ("ES", "Africa/Ceuta", "CE,ML"),
    ("FM", "Pacific/Chuuk", "TRK,YAP"),
    ("FM", "Pacific/Kosrae", "KSA"),
    ("FM", "Pacific/Pohnpei", "PNI"),
    // Departments and territories overseas have country codes, too.
    ("FR", "America/Cayenne", "973,GF"),
    ("FR", "America/Guadeloupe", "971,GP"),
    ("FR", "America/Marigot", "978,MF"),
    ("FR", "America/Martinique", "972,MQ"),
    ("FR", "America/Miquelon", "975,PM"),
    ("FR", "America/St_Barthelemy", "977,BL"),
    ("FR", "Indian/Mayotte", "976,YT"),
    ("FR", "Indian/Reunion", "974,RE"),
    ("FR", "Pacific/Noumea", "988,NC"),
    ("FR", "Pacific/Tahiti", "987,PF"),
    ("FR", "Pacific/Wallis", "986,WF"),
    ("ID", "Asia/Jakarta", "AC,BB,BE,BT,JA,JB,JI,JK,JT,KR,LA,RI,SB,SS,SU,YO"),
    ("ID", "Asia/Jayapura", "MA,MU,PA,PB,PD,PE,PS,PT"),
    ("ID", "Asia/Makassar", "BA,GO,KI,KS,KU,NB,NT,SA,SG,SN,SR,ST"),
    ("ID", "Asia/Pontianak", "KB,KT"),
    ("KI", "Pacific/Kanton", "P"),
    ("KI", "Pacific/Kiritimati", "L"),
    ("KI", "Pacific/Tarawa", "G"),
    ("MN", "Asia/Hovd", "043,046,071"),
    ("MX", "America/Cancun", "ROO,Q ROO,QR"),
    ("MX", "America/Chihuahua", "CHH,CHIH,CH"),
    ("MX", "America/Hermosillo", "SON,SO"),
    ("MX", "America/Matamoros", "TAM,TAMPS,TM"),
    ("MX", "America/Mazatlan", "BCS,BS,NAY,NA,SIN,SI"),
    ("MX", "America/Merida", "CAM,CAMP,CM,YUC,YU"),
    ("MX", "America/Mexico_City", "AGU,AGS,AG,CHP,CHIS,CS,CMX,DF,COL,CL,GRO,GR,GUA,GTO,GT,HID,HGO,\
        HG,JAL,JA,MEX,MX,MIC,MICH,MI,MOR,MO,OAX,OA,PUE,PU,QUE,QRO,QT,SLP,SL,TAB,TB,TLA,TLAX,TL,\
        VER,VE,ZAC,ZA"),
    ("MX", "America/Monterrey", "COA,COAH,CO,DUR,DGO,DG,NLE,NL"),
    ("MX", "America/Tijuana", "BCN,BC"),
    ("NL", "America/Aruba", "AW"),
    ("NL", "America/Curacao", "CW"),
    ("NL", "America/Kralendijk", "BQ1,BQ2,BQ3"),
    ("NL", "America/Lower_Princes", "SX"),
    ("NZ", "Pacific/Chatham", "CIT"),
    ("PG", "Pacific/Bougainville", "NSB"),
    ("PT", "Atlantic/Azores", "20"),
    ("PT", "Atlantic/Madeira", "30"),
    ("RU", "Asia/Anadyr", "CHU"),
    ("RU", "Asia/Barnaul", "AL,ALT"),
    ("RU", "Asia/Chita", "ZAB"),
    ("RU", "Asia/Irkutsk", "BU,IRK"),
    ("RU", "Asia/Kamchatka", "KAM"),
    ("RU", "Asia/Krasnoyarsk", "KK,KYA,TY"),
    ("RU", "Asia/Magadan", "MAG"),
    ("RU", "Asia/Novokuznetsk", "KEM"),
    ("RU", "Asia/Novosibirsk", "NVS"),
    ("RU", "Asia/Omsk", "OMS"),
    ("RU", "Asia/Sakhalin", "SAK"),
    ("RU", "Asia/Tomsk", "TOM"),
    ("RU", "Asia/Vladivostok", "KHA,PRI,YEV"),
    ("RU", "Asia/Yakutsk", "AMU,SA"),
    ("RU", "Asia/Yekaterinburg", "BA,CHE,KGN,KHM,ORE,PER,SVE,TYU,YAN"),
    ("RU", "Europe/Astrakhan", "AST"),
    ("RU", "Europe/Kaliningrad", "KGD"),
    ("RU", "Europe/Kirov", "KIR"),
    ("RU", "Europe/Moscow", "AD,ARK,BEL,BRY,CE,CU,DA,IN,IVA,KB,KC,KDA,KL,KLU,KO,KOS,KR,KRS,LEN,LIP,\
        ME,MO,MOS,MOW,MUR,NEN,NGR,NIZ,ORL,PNZ,PSK,ROS,RYA,SE,SMO,SPE,STA,TA,TAM,TUL,TVE,VLA,VLG,\
        VOR,YAR"),
    ("RU", "Europe/Samara", "SAM,UD"),
    ("RU", "Europe/Saratov", "SAR"),
    ("RU", "Europe/Ulyanovsk", "ULY"),
    ("RU", "Europe/Volgograd", "VGG"),
    ("US", "America/Anchorage", "AK"),
    ("US", "America/Boise", "ID"),
    ("US", "America/Chicago", "AL,AR,IA,IL,KS,LA,MN,MO,MS,ND,NE,OK,SD,TN,TX,WI"),
    ("US", "America/Denver", "CO,MT,NM,UT,WY"),
    ("US", "America/Detroit", "MI"),
    ("US", "America/Indiana/Indianapolis", "IN"),
    ("US", "America/Los_Angeles", "CA,NV,OR,WA"),
    ("US", "America/New_York", "CT,DC,DE,FL,GA,KY,MA,MD,ME,NC,NH,NJ,NY,OH,PA,RI,SC,VA,VT,WV"),
    ("US", "America/Phoenix", "AZ"),
    ("US", "America/Puerto_Rico", "PR"),
    ("US", "America/St_Thomas", "VI"),
    ("US", "Pacific/Guam", "GU"),
    ("US", "Pacific/Honolulu", "HI"),
    ("US", "Pacific/Pago_Pago", "AS"),
    ("US", "Pacific/Saipan", "MP"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{Timestamp, tz::TimeZoneDatabase};
    use std::collections::{BTreeMap, BTreeSet};

    /// The zones of each country; from the time zone database.
    const ZONE_TAB: &str = include_str!("../tests/calendar/zone.tab");

    fn zones_by_country() -> BTreeMap<&'static str, Vec<&'static str>> {
        let mut countries = BTreeMap::<_, Vec<_>>::new();
        for line in ZONE_TAB.lines().filter(|line| !line.starts_with('#')) {
            let columns: Vec<_> = line.split('\t').collect();
            countries.entry(columns[0]).or_default().push(columns[2]);
        }
        countries
    }

    /// What the clocks of a zone show from 2027 to 2030.
    fn clocks(zone: &str) -> Vec<(Timestamp, i32)> {
        let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
        let start: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let end: Timestamp = "2031-01-01T00:00:00Z".parse().unwrap();
        let jumps = zone.following(start).map(|jump| jump.timestamp());
        let moments = std::iter::once(start).chain(jumps.take_while(|&jump| jump < end));
        moments.map(|moment| (moment, zone.to_offset(moment).seconds())).collect()
    }

    fn name(country: &str, region: Option<&str>) -> Option<String> {
        zone_of(country, region)?.iana_name().map(str::to_owned)
    }

    #[test]
    fn the_region_counts_where_clocks_differ() {
        for (country, region, expected) in [
            ("SE", None, Some("Europe/Stockholm")),
            ("de", Some("BY"), Some("Europe/Berlin")),
            ("GB", Some("SCT"), Some("Europe/London")),
            ("US", Some("CA"), Some("America/Los_Angeles")),
            ("US", Some("US-CA"), Some("America/Los_Angeles")),
            ("us", Some("us-tx"), Some("America/Chicago")),
            ("US", Some("PR"), Some("America/Puerto_Rico")),
            ("CA", Some("BC"), Some("America/Vancouver")),
            ("AU", Some("NSW"), Some("Australia/Sydney")),
            ("ES", None, Some("Europe/Madrid")),
            ("ES", Some("M"), Some("Europe/Madrid")),
            ("ES", Some("GC"), Some("Atlantic/Canary")),
            ("ES", Some("ES-TF"), Some("Atlantic/Canary")),
            ("PT", Some("PT-20"), Some("Atlantic/Azores")),
            ("PT", Some("11"), Some("Europe/Lisbon")),
            ("FR", Some("FR-974"), Some("Indian/Reunion")),
            ("FR", Some("IDF"), Some("Europe/Paris")),
            ("MX", Some("Q ROO"), Some("America/Cancun")),
            ("RU", Some("RU-KGD"), Some("Europe/Kaliningrad")),
        ] {
            assert_eq!(name(country, region).as_deref(), expected, "{country} {region:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        for (country, region) in [
            ("US", None),
            ("US", Some("AE")),
            ("US", Some("")),
            ("CA", Some("US-CA")),
            ("AU", Some("New South Wales")),
            ("XX", None),
            ("", Some("CA")),
            ("Sweden", None),
        ] {
            assert_eq!(name(country, region), None, "{country} {region:?}");
        }
    }

    #[test]
    fn a_country_has_one_of_its_own_zones() {
        for &(country, zone) in COUNTRIES {
            let zones = &zones_by_country()[country];
            assert!(zones.contains(&zone), "{country}: {zone} is none of {zones:?}");
        }
    }

    #[test]
    fn countries_with_one_clock_are_known_and_others_on_purpose() {
        let mut mixed = Vec::new();
        for (country, zones) in zones_by_country() {
            let different: BTreeSet<_> = zones.iter().map(|zone| clocks(zone)).collect();
            let known = of_country(country);
            assert!(different.len() > 1 || known.is_some(), "{country} has one clock: {zones:?}");
            if different.len() > 1 && known.is_some() {
                mixed.push(country);
            }
        }
        let on_purpose = ["CL", "CN", "EC", "ES", "GL", "MN", "NZ", "PF", "PG", "PT", "UA"];
        assert_eq!(mixed, on_purpose);
    }

    #[test]
    fn a_region_has_a_zone_of_its_country_and_one_only() {
        let countries = zones_by_country();
        let overseas = |zone| countries.values().any(|zones| zones.contains(zone));
        let mut seen = BTreeSet::new();
        for (country, zone, codes) in REGIONS {
            let has_overseas = ["FR", "NL", "US"].contains(country);
            let own = countries[country].contains(zone) || (has_overseas && overseas(zone));
            assert!(own, "{country} does not have {zone}");
            assert!(TimeZoneDatabase::bundled().get(zone).is_ok(), "{zone}");
            for code in codes.split(',') {
                assert!(seen.insert((country, code)), "{country}-{code} twice");
            }
        }
    }
}
