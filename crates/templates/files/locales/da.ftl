# Alt, hvad der læses, på dansk. Se en.ftl for forklaringer.


## Fælles for e-mails og sider

stars-label =
    { $stars ->
        [1] 1 stjerne – dårligt
        [2] 2 stjerner – mindre godt
        [3] 3 stjerner – middel
        [4] 4 stjerner – godt
       *[5] 5 stjerner – fremragende
    }
stars-hint = 1 stjerne: dårligt, 5 stjerner: fremragende
items-heading = Det har du bestilt
items-more =
    { $count ->
        [one] og ét produkt mere
       *[other] og { $count } produkter mere
    }
privacy = Privatlivspolitik


## E-mail: invitation til at skrive en anmeldelse

invitation-subject = Hvordan gik det med din bestilling hos { $shop }?
invitation-hello = Hej,
invitation-hello-name = Hej { $name },
invitation-ask = Tak for din bestilling hos { $shop }. Hvordan gik det? Fortæl gerne andre om det i en anmeldelse: Hvad var godt, og hvad var mindre godt? Alle ærlige meninger er lige velkomne.
invitation-ask-order = Tak for din bestilling { $order } hos { $shop }. Hvordan gik det? Fortæl gerne andre om det i en anmeldelse: Hvad var godt, og hvad var mindre godt? Alle ærlige meninger er lige velkomne.
invitation-stars = Hvor mange stjerner giver du?
invitation-stars-note = Et tryk på en stjerne åbner formularen med dit valg udfyldt. Der bliver ikke sendt noget, før du trykker på knappen dér.
invitation-button = Skriv en anmeldelse
invitation-why = Du får denne e-mail, fordi du har handlet hos { $shop }, som beder sine kunder om en anmeldelse efter købet.
invitation-unsubscribe = Afmeld anmodninger om anmeldelser


## E-mail: påmindelsen

reminder-subject = En påmindelse: Hvordan gik det med din bestilling hos { $shop }?
reminder-ask = For nogle dage siden spurgte vi, hvordan det gik med din bestilling hos { $shop }. Hvis du har et øjeblik: Hvad var godt, og hvad var mindre godt? Alle ærlige meninger er lige velkomne. Vi minder dig ikke om det igen.
reminder-ask-order = For nogle dage siden spurgte vi, hvordan det gik med din bestilling { $order } hos { $shop }. Hvis du har et øjeblik: Hvad var godt, og hvad var mindre godt? Alle ærlige meninger er lige velkomne. Vi minder dig ikke om det igen.


## E-mail: links nederst i invitationen og påmindelsen

invitation-later = Har du ikke prøvet det endnu? Spørg mig senere
invitation-later-text = Har du ikke prøvet det endnu? Vi kan spørge dig senere:


## Side: formularen

form-heading = Din anmeldelse af { $shop }
form-intro = Fortæl andre, hvordan det gik. Godt eller dårligt: Alle ærlige meninger er lige velkomne.
form-intro-organic = Fortæl andre om din oplevelse. God eller dårlig: Alle ærlige meninger er lige velkomne. Anmeldelser fra denne side vises som uopfordrede, altså skrevet uden invitation.
form-order = Bestilling { $order }
form-stars = Hvor mange stjerner giver du?
form-optional = valgfrit
form-title = Overskrift
form-text = Din anmeldelse
form-text-hint = Hvad var godt, og hvad var mindre godt?
form-name = Navn, der vises
form-name-hint = Et fornavn eller et kaldenavn er nok. Lad feltet stå tomt, hvis du vil være anonym.
form-website = Lad dette felt stå tomt
form-public = Din anmeldelse og navnet ovenfor kan blive offentliggjort. Din e-mailadresse og dit ordrenummer bliver ikke offentliggjort.
form-submit = Send anmeldelsen
form-errors-heading =
    { $count ->
        [one] Én ting skal rettes
       *[other] { $count } ting skal rettes
    }
form-error =
    { $error ->
        [stars-missing] Vælg 1 til 5 stjerner.
        [title-too-long] Overskriften må højst være på { $max } tegn.
        [text-too-long] Anmeldelsen må højst være på { $max } tegn.
        [name-too-long] Navnet må højst være på { $max } tegn.
        [product-stars-missing] Vælg også 1 til 5 stjerner for dette produkt, eller slet din mening om det.
        [product-text-too-long] Meningen om et produkt må højst være på { $max } tegn.
       *[expired] Siden var åben for længe. Intet er gået tabt: Send anmeldelsen en gang til.
    }


## Side: formularen, produkter

form-shop-heading = Butikken: { $shop }
form-products-heading = Produkterne
form-products-hint = Bedøm så mange, du vil, eller slet ingen.
form-product-stars = Hvor mange stjerner giver du { $product }?
form-product-text = Din mening om dette produkt
form-no-stars = Ingen bedømmelse


## Sider: anmeldelsen er modtaget

thanks-heading = Tak for din anmeldelse
thanks-text = Vi har modtaget din anmeldelse af { $shop }.
already-heading = Du har allerede skrevet denne anmeldelse
already-text = Vi har modtaget din anmeldelse af { $shop }. En invitation gælder for én anmeldelse.
received-stars =
    { $stars ->
        [one] Du gav 1 stjerne ud af 5
       *[other] Du gav { $stars } stjerner ud af 5
    }
received-label =
    { $label ->
        [pending] Vi kontrollerer, om den hører til en rigtig bestilling. I så fald bliver den markeret som verificeret.
        [verified] Den er markeret som verificeret: Den hører til en rigtig bestilling.
        [organic] Den er markeret som uopfordret: Den er skrevet uden invitation.
       *[refused] Vi kunne ikke bekræfte en bestilling bag den, så den er ikke markeret som verificeret.
    }
received-close = Du kan lukke siden nu.


## Side: spørg mig senere

later-heading = Hvornår skal vi spørge dig?
later-text = { $shop } beder dig én gang til om en anmeldelse af din bestilling på det tidspunkt, du vælger.
later-choice =
    { $weeks ->
        [one] Om en uge
       *[other] Om { $weeks } uger
    }
later-button = Spørg mig på det tidspunkt
later-done-heading = Vi spørger dig senere
later-done-text =
    { $weeks ->
        [one] Om cirka en uge beder { $shop } dig én gang til om en anmeldelse. Du behøver ikke at gøre noget nu.
       *[other] Om cirka { $weeks } uger beder { $shop } dig én gang til om en anmeldelse. Du behøver ikke at gøre noget nu.
    }
later-not-heading = Vi kan ikke spørge dig senere
later-not-text = Du har allerede brugt denne mulighed, eller der er ikke mere at spørge om. Linket til anmeldelsen i e-mailen virker stadig.


## Sider: ikke flere e-mails

preferences-heading = Hvilke anmodninger om anmeldelser vil du have?
preferences-saved-heading = Dit valg er gemt
preferences-holds =
    { $choice ->
        [no-reminders] { $shop } må bede dig om en anmeldelse efter en bestilling, men sender ingen påmindelse.
        [none-from-shop] { $shop } beder dig ikke om anmeldelser via e-mail.
        [none] Ingen af de butikker, der bruger denne tjeneste, beder dig om anmeldelser via e-mail.
       *[all] { $shop } må bede dig om en anmeldelse efter en bestilling og minde dig om det én gang.
    }
preferences-saved = Det gælder med det samme.
preferences-fixed = E-mails til denne adresse er også stoppet af en anden grund, for eksempel fordi en kom retur. Det kan ikke ændres her. Skriv til { $shop }, hvis du vil høre fra butikken igen.
preferences-choice =
    { $choice ->
        [no-reminders] Spørg mig, men send ingen påmindelse
        [none-from-shop] Ingen anmodninger om anmeldelser fra { $shop }
        [none] Ingen anmodninger om anmeldelser fra nogen butik, der bruger denne tjeneste
       *[all] Spørg mig, og mind mig om det én gang
    }
preferences-orders = E-mails om dine bestillinger påvirkes ikke.
preferences-button = Gem mit valg


## Sider: noget er i vejen

expired-heading = Linket er udløbet
expired-text = Links i anmodninger om anmeldelser gælder kun i en begrænset periode, og dette er udløbet. Tak, fordi du ville skrive en anmeldelse.
not-found-heading = Siden findes ikke
not-found-text = Linket er måske ufuldstændigt. Åbn det igen fra e-mailen, eller kopiér hele linket.
busy-heading = Et øjeblik
busy-text = Der er rigtig mange her lige nu. Prøv igen om et minut.
error-heading = Noget gik galt
error-text = Fejlen er vores. Prøv igen om et par minutter.
error-reference = Hvis du skriver til os om det, så oplys gerne dette nummer:
