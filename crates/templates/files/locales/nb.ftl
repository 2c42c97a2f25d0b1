# Alt som leses, på norsk bokmål. Se en.ftl for forklaringer.


## Felles for e-poster og sider

stars-label =
    { $stars ->
        [1] 1 stjerne – dårlig
        [2] 2 stjerner – mindre bra
        [3] 3 stjerner – middels
        [4] 4 stjerner – bra
       *[5] 5 stjerner – utmerket
    }
stars-hint = 1 stjerne: dårlig, 5 stjerner: utmerket
items-heading = Dette har du bestilt
items-more =
    { $count ->
        [one] og ett produkt til
       *[other] og { $count } produkter til
    }
privacy = Personvern


## E-post: invitasjon til å skrive en anmeldelse

invitation-subject = Hvordan gikk det med bestillingen din fra { $shop }?
invitation-hello = Hei!
invitation-hello-name = Hei, { $name }!
invitation-ask = Takk for bestillingen din fra { $shop }. Hvordan gikk det? Fortell gjerne andre om det i en anmeldelse: Hva var bra, og hva var mindre bra? Alle ærlige meninger er like velkomne.
invitation-ask-order = Takk for bestilling { $order } fra { $shop }. Hvordan gikk det? Fortell gjerne andre om det i en anmeldelse: Hva var bra, og hva var mindre bra? Alle ærlige meninger er like velkomne.
invitation-stars = Hvor mange stjerner gir du?
invitation-stars-note = Et trykk på en stjerne åpner skjemaet med valget ditt fylt inn. Ingenting blir sendt før du trykker på knappen der.
invitation-button = Skriv en anmeldelse
invitation-why = Du får denne e-posten fordi du har handlet hos { $shop }, som ber kundene sine om en anmeldelse etter kjøpet.
invitation-unsubscribe = Meld deg av forespørsler om anmeldelser


## E-post: påminnelsen

reminder-subject = En påminnelse: Hvordan gikk det med bestillingen din fra { $shop }?
reminder-ask = For noen dager siden spurte vi hvordan det gikk med bestillingen din fra { $shop }. Hvis du har et øyeblikk: Hva var bra, og hva var mindre bra? Alle ærlige meninger er like velkomne. Vi minner deg ikke på det igjen.
reminder-ask-order = For noen dager siden spurte vi hvordan det gikk med bestilling { $order } fra { $shop }. Hvis du har et øyeblikk: Hva var bra, og hva var mindre bra? Alle ærlige meninger er like velkomne. Vi minner deg ikke på det igjen.


## E-post: lenker nederst i invitasjonen og påminnelsen

invitation-later = Har du ikke prøvd det ennå? Spør meg senere
invitation-later-text = Har du ikke prøvd det ennå? Vi kan spørre deg senere:


## Side: skjemaet

form-heading = Anmeldelsen din av { $shop }
form-intro = Fortell andre hvordan det gikk. Bra eller dårlig: Alle ærlige meninger er like velkomne.
form-intro-organic = Fortell andre om opplevelsen din. God eller dårlig: Alle ærlige meninger er like velkomne. Anmeldelser fra denne siden vises som uoppfordrede, altså skrevet uten invitasjon.
form-order = Bestilling { $order }
form-stars = Hvor mange stjerner gir du?
form-optional = valgfritt
form-title = Overskrift
form-text = Anmeldelsen din
form-text-hint = Hva var bra, og hva var mindre bra?
form-name = Navn som vises
form-name-hint = Et fornavn eller et kallenavn er nok. La feltet stå tomt hvis du vil være anonym.
form-website = La dette feltet stå tomt
form-public = Anmeldelsen din og navnet ovenfor kan bli publisert. E-postadressen din og ordrenummeret ditt blir ikke publisert.
form-submit = Send anmeldelsen
form-errors-heading =
    { $count ->
        [one] Én ting må rettes
       *[other] { $count } ting må rettes
    }
form-error =
    { $error ->
        [stars-missing] Velg 1 til 5 stjerner.
        [title-too-long] Overskriften kan ha høyst { $max } tegn.
        [text-too-long] Anmeldelsen kan ha høyst { $max } tegn.
        [name-too-long] Navnet kan ha høyst { $max } tegn.
        [product-stars-missing] Velg 1 til 5 stjerner for dette produktet også, eller slett meningen din om det.
        [product-text-too-long] Meningen om et produkt kan ha høyst { $max } tegn.
       *[expired] Siden var åpen for lenge. Ingenting har gått tapt: Send anmeldelsen en gang til.
    }


## Side: skjemaet, produkter

form-shop-heading = Butikken: { $shop }
form-products-heading = Produktene
form-products-hint = Vurder så mange du vil, eller ingen.
form-product-stars = Hvor mange stjerner gir du { $product }?
form-product-text = Din mening om dette produktet
form-no-stars = Ingen vurdering


## Sider: anmeldelsen er mottatt

thanks-heading = Takk for anmeldelsen din
thanks-text = Vi har mottatt anmeldelsen din av { $shop }.
already-heading = Du har allerede skrevet denne anmeldelsen
already-text = Vi har mottatt anmeldelsen din av { $shop }. En invitasjon gjelder for én anmeldelse.
received-stars =
    { $stars ->
        [one] Du ga 1 av 5 stjerner
       *[other] Du ga { $stars } av 5 stjerner
    }
received-label =
    { $label ->
        [pending] Vi kontrollerer om den hører til en reell bestilling. I så fall blir den merket som verifisert.
        [verified] Den er merket som verifisert: Den hører til en reell bestilling.
        [organic] Den er merket som uoppfordret: Den er skrevet uten invitasjon.
       *[refused] Vi kunne ikke bekrefte at den hører til en bestilling, så den er ikke merket som verifisert.
    }
received-close = Du kan lukke siden nå.


## Side: spør meg senere

later-heading = Når skal vi spørre deg?
later-text = { $shop } ber deg én gang til om en anmeldelse av bestillingen din på det tidspunktet du velger.
later-choice =
    { $weeks ->
        [one] Om én uke
       *[other] Om { $weeks } uker
    }
later-button = Spør meg da
later-done-heading = Vi spør deg senere
later-done-text =
    { $weeks ->
        [one] Om cirka én uke ber { $shop } deg én gang til om en anmeldelse. Du trenger ikke å gjøre noe nå.
       *[other] Om cirka { $weeks } uker ber { $shop } deg én gang til om en anmeldelse. Du trenger ikke å gjøre noe nå.
    }
later-not-heading = Vi kan ikke spørre deg senere
later-not-text = Du har allerede brukt denne muligheten, eller det er ikke noe mer å spørre om. Lenken til anmeldelsen i e-posten virker fortsatt.


## Sider: ikke flere e-poster

preferences-heading = Hvilke forespørsler om anmeldelser vil du ha?
preferences-saved-heading = Valget ditt er lagret
preferences-holds =
    { $choice ->
        [no-reminders] { $shop } kan be deg om en anmeldelse etter en bestilling, men sender ingen påminnelse.
        [none-from-shop] { $shop } ber deg ikke om anmeldelser på e-post.
        [none] Ingen av butikkene som bruker denne tjenesten, ber deg om anmeldelser på e-post.
       *[all] { $shop } kan be deg om en anmeldelse etter en bestilling og minne deg på det én gang.
    }
preferences-saved = Det gjelder med en gang.
preferences-fixed = E-poster til denne adressen er også stoppet av en annen grunn, for eksempel fordi en kom i retur. Det kan ikke endres her. Skriv til { $shop } hvis du vil høre fra butikken igjen.
preferences-choice =
    { $choice ->
        [no-reminders] Spør meg, men send ingen påminnelse
        [none-from-shop] Ingen forespørsler om anmeldelser fra { $shop }
        [none] Ingen forespørsler om anmeldelser fra noen butikk som bruker denne tjenesten
       *[all] Spør meg, og minn meg på det én gang
    }
preferences-orders = E-poster om bestillingene dine påvirkes ikke.
preferences-button = Lagre valget mitt


## Sider: noe er i veien

expired-heading = Lenken har utløpt
expired-text = Lenker i forespørsler om anmeldelser gjelder i en begrenset periode, og denne har utløpt. Takk for at du ville skrive en anmeldelse.
not-found-heading = Siden finnes ikke
not-found-text = Lenken er kanskje ufullstendig. Åpne den på nytt fra e-posten, eller kopier hele lenken.
busy-heading = Et øyeblikk
busy-text = Veldig mange er her akkurat nå. Prøv igjen om et minutt.
error-heading = Noe gikk galt
error-text = Feilen er vår. Prøv igjen om noen minutter.
error-reference = Hvis du skriver til oss om det, oppgi gjerne dette nummeret:
