# Alles wat wordt gelezen, in het Nederlands. Zie en.ftl voor uitleg.


## Voor e-mails en pagina's

stars-label =
    { $stars ->
        [1] 1 ster – slecht
        [2] 2 sterren – matig
        [3] 3 sterren – gemiddeld
        [4] 4 sterren – goed
       *[5] 5 sterren – uitstekend
    }
stars-hint = 1 ster: slecht, 5 sterren: uitstekend
items-heading = Dit heb je besteld
items-more =
    { $count ->
        [one] en nog één product
       *[other] en nog { $count } producten
    }
privacy = Privacy


## E-mail: uitnodiging om een review te schrijven

invitation-subject = Hoe verliep je bestelling bij { $shop }?
invitation-hello = Hallo,
invitation-hello-name = Hallo { $name },
invitation-ask = Bedankt voor je bestelling bij { $shop }. Hoe is het gegaan? Vertel het anderen in een review: wat was goed, en wat niet? Elke eerlijke mening is even welkom.
invitation-ask-order = Bedankt voor je bestelling { $order } bij { $shop }. Hoe is het gegaan? Vertel het anderen in een review: wat was goed, en wat niet? Elke eerlijke mening is even welkom.
invitation-stars = Hoeveel sterren geef je?
invitation-stars-note = Als je op een ster drukt, opent het formulier met je keuze ingevuld. Er wordt niets verzonden tot je daar op de knop drukt.
invitation-button = Schrijf een review
invitation-why = Je ontvangt deze e-mail omdat je hebt besteld bij { $shop }. Na een bestelling vraagt { $shop } klanten om een review.
invitation-unsubscribe = Afmelden voor reviewverzoeken


## E-mail: de herinnering

reminder-subject = Herinnering: hoe verliep je bestelling bij { $shop }?
reminder-ask = Een paar dagen geleden vroegen we hoe je bestelling bij { $shop } is verlopen. Als je even tijd hebt: wat was goed, en wat niet? Elke eerlijke mening is even welkom. We sturen je hierna geen herinnering meer.
reminder-ask-order = Een paar dagen geleden vroegen we hoe je bestelling { $order } bij { $shop } is verlopen. Als je even tijd hebt: wat was goed, en wat niet? Elke eerlijke mening is even welkom. We sturen je hierna geen herinnering meer.


## E-mail: links onderaan de uitnodiging en de herinnering

invitation-later = Nog niet geprobeerd? Vraag het me later
invitation-later-text = Nog niet geprobeerd? We kunnen het je later vragen:


## Pagina: het formulier

form-heading = Je review over { $shop }
form-intro = Vertel anderen hoe het is gegaan. Goed of slecht: elke eerlijke mening is even welkom.
form-intro-organic = Vertel anderen over je ervaring. Goed of slecht: elke eerlijke mening is even welkom. Reviews van deze pagina worden getoond als spontaan: geschreven zonder uitnodiging.
form-order = Bestelling { $order }
form-stars = Hoeveel sterren geef je?
form-optional = optioneel
form-title = Titel
form-text = Je review
form-text-hint = Wat was goed, en wat niet?
form-name = Naam die wordt getoond
form-name-hint = Een voornaam of bijnaam is genoeg. Laat dit leeg om anoniem te blijven.
form-website = Laat dit veld leeg
form-public = Je review en de naam hierboven kunnen worden gepubliceerd. Je e-mailadres en je bestelnummer worden niet gepubliceerd.
form-submit = Review verzenden
form-errors-heading =
    { $count ->
        [one] Eén punt vraagt je aandacht
       *[other] { $count } punten vragen je aandacht
    }
form-error =
    { $error ->
        [stars-missing] Kies 1 tot en met 5 sterren.
        [title-too-long] De titel mag maximaal { $max } tekens bevatten.
        [text-too-long] De review mag maximaal { $max } tekens bevatten.
        [name-too-long] De naam mag maximaal { $max } tekens bevatten.
        [product-stars-missing] Kies ook voor dit product 1 tot en met 5 sterren, of verwijder je mening erover.
        [product-text-too-long] De mening over een product mag maximaal { $max } tekens bevatten.
       *[expired] De pagina stond te lang open. Er is niets verloren gegaan: verzend de review nog een keer.
    }


## Pagina: het formulier, producten

form-shop-heading = De winkel: { $shop }
form-products-heading = De producten
form-products-hint = Beoordeel er zoveel als je wilt, of geen.
form-product-stars = Hoeveel sterren geef je { $product }?
form-product-text = Je mening over dit product
form-no-stars = Geen beoordeling


## Pagina's: de review is ontvangen

thanks-heading = Bedankt voor je review
thanks-text = We hebben je review over { $shop } ontvangen.
already-heading = Je hebt deze review al geschreven
already-text = We hebben je review over { $shop } ontvangen. Een uitnodiging geldt voor één review.
received-stars =
    { $stars ->
        [one] Je gaf 1 van de 5 sterren
       *[other] Je gaf { $stars } van de 5 sterren
    }
received-label =
    { $label ->
        [pending] We controleren of je review bij een echte bestelling hoort. Zo ja, dan wordt die als geverifieerd gemarkeerd.
        [verified] Je review is gemarkeerd als geverifieerd: er hoort een echte bestelling bij.
        [organic] Je review is gemarkeerd als spontaan: geschreven zonder uitnodiging.
       *[refused] We konden geen bijbehorende bestelling bevestigen, dus je review is niet als geverifieerd gemarkeerd.
    }
received-close = Je kunt deze pagina nu sluiten.


## Pagina: vraag het me later

later-heading = Wanneer zullen we het je vragen?
later-text = { $shop } vraagt je nog één keer om een review over je bestelling, op het moment dat jij kiest.
later-choice =
    { $weeks ->
        [one] Over één week
       *[other] Over { $weeks } weken
    }
later-button = Vraag het me dan
later-done-heading = We vragen het je later
later-done-text =
    { $weeks ->
        [one] Over ongeveer één week vraagt { $shop } je nog één keer om een review. Je hoeft nu niets te doen.
       *[other] Over ongeveer { $weeks } weken vraagt { $shop } je nog één keer om een review. Je hoeft nu niets te doen.
    }
later-not-heading = We kunnen het je niet later vragen
later-not-text = Je hebt deze mogelijkheid al gebruikt, of er valt niets meer te vragen. De link naar de review in de e-mail werkt nog steeds.


## Pagina's: geen e-mails meer

preferences-heading = Welke reviewverzoeken wil je ontvangen?
preferences-saved-heading = Je keuze is opgeslagen
preferences-holds =
    { $choice ->
        [no-reminders] { $shop } mag je na een bestelling om een review vragen, maar herinnert je er niet aan.
        [none-from-shop] { $shop } vraagt je niet per e-mail om reviews.
        [none] Geen van de winkels die deze dienst gebruiken, vraagt je per e-mail om reviews.
       *[all] { $shop } mag je na een bestelling om een review vragen en je er één keer aan herinneren.
    }
preferences-saved = Dit gaat direct in.
preferences-fixed = E-mails naar dit adres zijn ook om een andere reden gestopt, bijvoorbeeld omdat er een terugkwam. Dat kun je hier niet wijzigen. Wil je weer van { $shop } horen, schrijf dan naar de winkel.
preferences-choice =
    { $choice ->
        [no-reminders] Vraag het me, maar herinner me er niet aan
        [none-from-shop] Geen reviewverzoeken van { $shop }
        [none] Geen reviewverzoeken van winkels die deze dienst gebruiken
       *[all] Vraag het me en herinner me er één keer aan
    }
preferences-orders = Dit heeft geen invloed op e-mails over je bestellingen.
preferences-button = Mijn keuze opslaan


## Pagina's: er zit iets in de weg

expired-heading = Deze link is verlopen
expired-text = Links in reviewverzoeken zijn beperkt geldig en deze is verlopen. Bedankt dat je een review wilde schrijven.
not-found-heading = Deze pagina bestaat niet
not-found-text = De link is misschien onvolledig. Open de link opnieuw vanuit de e-mail, of kopieer de hele link.
busy-heading = Een ogenblik geduld
busy-text = Het is hier nu heel druk. Probeer het over een minuut opnieuw.
error-heading = Er is iets misgegaan
error-text = De fout ligt bij ons. Probeer het over een paar minuten opnieuw.
error-reference = Als je ons hierover schrijft, vermeld dan dit nummer:
