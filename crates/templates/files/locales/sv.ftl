# Allt som läses, på svenska. Se en.ftl för förklaringar.


## Gemensamt för mejl och sidor

stars-label =
    { $stars ->
        [1] 1 stjärna – dåligt
        [2] 2 stjärnor – mindre bra
        [3] 3 stjärnor – varken eller
        [4] 4 stjärnor – bra
       *[5] 5 stjärnor – utmärkt
    }
stars-hint = 1 stjärna: dåligt, 5 stjärnor: utmärkt
items-heading = Det här beställde du
items-more =
    { $count ->
        [one] och en produkt till
       *[other] och { $count } produkter till
    }
privacy = Integritet


## Mejl: inbjudan att skriva ett omdöme

invitation-subject = Hur gick det med din beställning från { $shop }?
invitation-hello = Hej!
invitation-hello-name = Hej { $name }!
invitation-ask = Tack för din beställning från { $shop }. Hur gick det? Berätta gärna för andra i ett omdöme: vad var bra, och vad var mindre bra? Alla ärliga åsikter är lika välkomna.
invitation-ask-order = Tack för din beställning { $order } från { $shop }. Hur gick det? Berätta gärna för andra i ett omdöme: vad var bra, och vad var mindre bra? Alla ärliga åsikter är lika välkomna.
invitation-stars = Hur många stjärnor ger du?
invitation-stars-note = En stjärna öppnar formuläret med ditt val ifyllt. Inget skickas förrän du trycker på knappen där.
invitation-button = Skriv ett omdöme
invitation-why = Du får det här mejlet för att du har handlat hos { $shop }, som ber sina kunder om ett omdöme efter köpet.
invitation-unsubscribe = Avsluta förfrågningar om omdömen


## Mejl: påminnelsen

reminder-subject = En påminnelse: hur gick det med din beställning från { $shop }?
reminder-ask = För några dagar sedan frågade vi hur det gick med din beställning från { $shop }. Om du har en minut: vad var bra, och vad var mindre bra? Alla ärliga åsikter är lika välkomna. Vi påminner dig inte igen.
reminder-ask-order = För några dagar sedan frågade vi hur det gick med din beställning { $order } från { $shop }. Om du har en minut: vad var bra, och vad var mindre bra? Alla ärliga åsikter är lika välkomna. Vi påminner dig inte igen.


## Mejl: länkar under inbjudan och påminnelsen

invitation-later = Har du inte hunnit prova än? Fråga mig senare
invitation-later-text = Har du inte hunnit prova än? Vi kan fråga dig senare:


## Sida: formuläret

form-heading = Ditt omdöme om { $shop }
form-intro = Berätta för andra hur det gick. Bra eller dåligt: alla ärliga åsikter är lika välkomna.
form-intro-organic = Berätta för andra om din upplevelse. Bra eller dåligt: alla ärliga åsikter är lika välkomna. Omdömen från den här sidan visas som organiska: skrivna utan inbjudan.
form-order = Beställning { $order }
form-stars = Hur många stjärnor ger du?
form-optional = valfritt
form-title = Rubrik
form-text = Ditt omdöme
form-text-hint = Vad var bra, och vad var mindre bra?
form-name = Namn som visas
form-name-hint = Förnamn eller smeknamn räcker. Lämna tomt för att vara anonym.
form-website = Lämna det här fältet tomt
form-public = Ditt omdöme och namnet ovan kan komma att publiceras. Din e-postadress och ditt ordernummer publiceras inte.
form-submit = Skicka omdömet
form-errors-heading =
    { $count ->
        [one] En sak behöver rättas
       *[other] { $count } saker behöver rättas
    }
form-error =
    { $error ->
        [stars-missing] Välj 1 till 5 stjärnor.
        [title-too-long] Rubriken får ha högst { $max } tecken.
        [text-too-long] Omdömet får ha högst { $max } tecken.
        [name-too-long] Namnet får ha högst { $max } tecken.
        [product-stars-missing] Välj 1 till 5 stjärnor även för den här produkten, eller ta bort din åsikt om den.
        [product-text-too-long] Åsikten om en produkt får ha högst { $max } tecken.
       *[expired] Sidan var öppen för länge. Inget har gått förlorat: skicka en gång till.
    }


## Sida: formuläret, produkter

form-shop-heading = Butiken: { $shop }
form-products-heading = Produkterna
form-products-hint = Betygsätt så många du vill, eller ingen.
form-product-stars = Hur många stjärnor ger du { $product }?
form-product-text = Din åsikt om den här produkten
form-no-stars = Inget betyg


## Sidor: omdömet har kommit in

thanks-heading = Tack för ditt omdöme
thanks-text = Vi har tagit emot ditt omdöme om { $shop }.
already-heading = Du har redan skrivit det här omdömet
already-text = Vi har tagit emot ditt omdöme om { $shop }. En inbjudan gäller för ett omdöme.
received-stars =
    { $stars ->
        [one] Du gav 1 stjärna av 5
       *[other] Du gav { $stars } stjärnor av 5
    }
received-label =
    { $label ->
        [pending] Vi kontrollerar att det hör till en riktig beställning. I så fall märks det som verifierat.
        [verified] Det är märkt som verifierat: det hör till en riktig beställning.
        [organic] Det är märkt som organiskt: det skrevs utan inbjudan.
       *[refused] Vi kunde inte bekräfta någon beställning bakom det, så det är inte märkt som verifierat.
    }
received-close = Du kan stänga sidan nu.


## Sida: fråga mig senare

later-heading = När ska vi fråga dig?
later-text = { $shop } ber dig en gång till om ett omdöme om din beställning, vid den tidpunkt du väljer.
later-choice =
    { $weeks ->
        [one] Om en vecka
       *[other] Om { $weeks } veckor
    }
later-button = Fråga mig då
later-done-heading = Vi frågar dig senare
later-done-text =
    { $weeks ->
        [one] Om ungefär en vecka ber { $shop } dig en gång till om ett omdöme. Du behöver inte göra något nu.
       *[other] Om ungefär { $weeks } veckor ber { $shop } dig en gång till om ett omdöme. Du behöver inte göra något nu.
    }
later-not-heading = Vi kan inte fråga dig senare
later-not-text = Du har redan använt den här möjligheten, eller så finns det inget mer att fråga om. Länken till omdömet i mejlet fungerar fortfarande.


## Sidor: inga fler mejl

preferences-heading = Vilka förfrågningar om omdömen vill du ha?
preferences-saved-heading = Ditt val är sparat
preferences-holds =
    { $choice ->
        [no-reminders] { $shop } får be dig om ett omdöme efter en beställning, men påminner dig inte.
        [none-from-shop] { $shop } ber dig inte om omdömen via e-post.
        [none] Ingen av butikerna som använder den här tjänsten ber dig om omdömen via e-post.
       *[all] { $shop } får be dig om ett omdöme efter en beställning och påminna dig en gång.
    }
preferences-saved = Det gäller genast.
preferences-fixed = Mejl till den här adressen är också stoppade av ett annat skäl, till exempel för att ett kom i retur. Det går inte att ändra här. Vill du höra av { $shop } igen, skriv till butiken.
preferences-choice =
    { $choice ->
        [no-reminders] Fråga mig, men påminn mig inte
        [none-from-shop] Inga förfrågningar om omdömen från { $shop }
        [none] Inga förfrågningar om omdömen från någon butik som använder den här tjänsten
       *[all] Fråga mig, och påminn mig en gång
    }
preferences-orders = Mejl om dina beställningar påverkas inte.
preferences-button = Spara mitt val


## Sidor: något är i vägen

expired-heading = Länken har gått ut
expired-text = Länkar i förfrågningar om omdömen gäller under en begränsad tid, och den här har gått ut. Tack för att du ville skriva ett omdöme.
not-found-heading = Sidan finns inte
not-found-text = Länken är kanske inte hel. Öppna den igen från mejlet, eller kopiera hela länken.
busy-heading = Ett ögonblick
busy-text = Väldigt många är här just nu. Försök igen om en minut.
error-heading = Något gick fel
error-text = Felet är vårt. Försök igen om några minuter.
error-reference = Om du skriver till oss om det, ange gärna det här numret:
