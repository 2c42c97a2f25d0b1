# Alles, was gelesen wird, auf Deutsch. Erklärungen stehen in en.ftl.


## Gemeinsam für E-Mails und Seiten

stars-label =
    { $stars ->
        [1] 1 Stern – schlecht
        [2] 2 Sterne – weniger gut
        [3] 3 Sterne – mittelmäßig
        [4] 4 Sterne – gut
       *[5] 5 Sterne – ausgezeichnet
    }
stars-hint = 1 Stern: schlecht, 5 Sterne: ausgezeichnet
items-heading = Das haben Sie bestellt
items-more =
    { $count ->
        [one] und ein weiteres Produkt
       *[other] und { $count } weitere Produkte
    }
privacy = Datenschutz


## E-Mail: Einladung, eine Bewertung zu schreiben

invitation-subject = Wie war Ihre Bestellung bei { $shop }?
invitation-hello = Guten Tag,
invitation-hello-name = Guten Tag { $name },
invitation-ask = vielen Dank für Ihre Bestellung bei { $shop }. Wie ist es gelaufen? Bitte berichten Sie anderen in einer Bewertung: Was war gut, was war es nicht? Jede ehrliche Meinung ist gleichermaßen willkommen.
invitation-ask-order = vielen Dank für Ihre Bestellung { $order } bei { $shop }. Wie ist es gelaufen? Bitte berichten Sie anderen in einer Bewertung: Was war gut, was war es nicht? Jede ehrliche Meinung ist gleichermaßen willkommen.
invitation-stars = Wie viele Sterne vergeben Sie?
invitation-stars-note = Ein Stern öffnet das Formular mit Ihrer Auswahl. Gesendet wird erst, wenn Sie dort auf die Schaltfläche drücken.
invitation-button = Bewertung schreiben
invitation-why = Sie erhalten diese E-Mail, weil Sie bei { $shop } bestellt haben. { $shop } bittet Kundinnen und Kunden nach einer Bestellung um eine Bewertung.
invitation-unsubscribe = Keine Bitten um Bewertungen mehr erhalten


## E-Mail: die Erinnerung

reminder-subject = Zur Erinnerung: Wie war Ihre Bestellung bei { $shop }?
reminder-ask = vor einigen Tagen haben wir Sie gefragt, wie Ihre Bestellung bei { $shop } gelaufen ist. Wenn Sie eine Minute Zeit haben: Was war gut, was war es nicht? Jede ehrliche Meinung ist gleichermaßen willkommen. Wir erinnern Sie nicht noch einmal.
reminder-ask-order = vor einigen Tagen haben wir Sie gefragt, wie Ihre Bestellung { $order } bei { $shop } gelaufen ist. Wenn Sie eine Minute Zeit haben: Was war gut, was war es nicht? Jede ehrliche Meinung ist gleichermaßen willkommen. Wir erinnern Sie nicht noch einmal.


## E-Mail: Links unter der Einladung und der Erinnerung

invitation-later = Noch nicht ausprobiert? Fragen Sie mich später
invitation-later-text = Noch nicht ausprobiert? Wir können Sie später fragen:


## Seite: das Formular

form-heading = Ihre Bewertung von { $shop }
form-intro = Berichten Sie anderen, wie es gelaufen ist. Ob gut oder schlecht: Jede ehrliche Meinung ist gleichermaßen willkommen.
form-intro-organic = Berichten Sie anderen von Ihrer Erfahrung. Ob gut oder schlecht: Jede ehrliche Meinung ist gleichermaßen willkommen. Bewertungen von dieser Seite werden als organisch gekennzeichnet, also als ohne Einladung geschrieben.
form-order = Bestellung { $order }
form-stars = Wie viele Sterne vergeben Sie?
form-optional = freiwillig
form-title = Überschrift
form-text = Ihre Bewertung
form-text-hint = Was war gut, was war es nicht?
form-name = Angezeigter Name
form-name-hint = Ein Vorname oder Spitzname genügt. Ohne Angabe bleiben Sie anonym.
form-website = Dieses Feld bitte leer lassen
form-public = Ihre Bewertung und der Name oben können veröffentlicht werden. Ihre E-Mail-Adresse und Ihre Bestellnummer werden es nicht.
form-submit = Bewertung senden
form-errors-heading =
    { $count ->
        [one] Eine Angabe braucht Ihre Aufmerksamkeit
       *[other] { $count } Angaben brauchen Ihre Aufmerksamkeit
    }
form-error =
    { $error ->
        [stars-missing] Bitte wählen Sie 1 bis 5 Sterne.
        [title-too-long] Die Überschrift darf höchstens { $max } Zeichen haben.
        [text-too-long] Die Bewertung darf höchstens { $max } Zeichen haben.
        [name-too-long] Der Name darf höchstens { $max } Zeichen haben.
        [product-stars-missing] Bitte wählen Sie auch für dieses Produkt 1 bis 5 Sterne, oder löschen Sie Ihre Meinung dazu.
        [product-text-too-long] Die Meinung zu einem Produkt darf höchstens { $max } Zeichen haben.
       *[expired] Die Seite war zu lange geöffnet. Nichts ist verloren: Bitte senden Sie noch einmal.
    }


## Seite: das Formular, Produkte

form-shop-heading = Der Shop: { $shop }
form-products-heading = Die Produkte
form-products-hint = Bewerten Sie so viele, wie Sie möchten, oder keines.
form-product-stars = Wie viele Sterne vergeben Sie für { $product }?
form-product-text = Ihre Meinung zu diesem Produkt
form-no-stars = Keine Bewertung


## Seiten: eine Bewertung ist eingegangen

thanks-heading = Danke für Ihre Bewertung
thanks-text = Ihre Bewertung von { $shop } ist bei uns eingegangen.
already-heading = Sie haben diese Bewertung schon geschrieben
already-text = Ihre Bewertung von { $shop } ist bei uns eingegangen. Eine Einladung gilt für eine Bewertung.
received-stars =
    { $stars ->
        [one] Sie haben 1 von 5 Sternen vergeben
       *[other] Sie haben { $stars } von 5 Sternen vergeben
    }
received-label =
    { $label ->
        [pending] Wir prüfen, ob sie zu einer echten Bestellung gehört. Wenn ja, wird sie als verifiziert gekennzeichnet.
        [verified] Sie ist als verifiziert gekennzeichnet: Sie gehört zu einer echten Bestellung.
        [organic] Sie ist als organisch gekennzeichnet: Sie wurde ohne Einladung geschrieben.
       *[refused] Wir konnten keine Bestellung dazu bestätigen, daher ist sie nicht als verifiziert gekennzeichnet.
    }
received-close = Sie können diese Seite jetzt schließen.


## Seite: später fragen

later-heading = Wann sollen wir Sie fragen?
later-text = { $shop } bittet Sie zu dem Zeitpunkt, den Sie wählen, noch einmal um eine Bewertung Ihrer Bestellung.
later-choice =
    { $weeks ->
        [one] In einer Woche
       *[other] In { $weeks } Wochen
    }
later-button = Fragen Sie mich dann
later-done-heading = Wir fragen Sie später
later-done-text =
    { $weeks ->
        [one] { $shop } bittet Sie in etwa einer Woche noch einmal um eine Bewertung. Sie müssen jetzt nichts tun.
       *[other] { $shop } bittet Sie in etwa { $weeks } Wochen noch einmal um eine Bewertung. Sie müssen jetzt nichts tun.
    }
later-not-heading = Wir können Sie nicht später fragen
later-not-text = Sie haben diese Möglichkeit schon genutzt, oder es gibt nichts mehr zu fragen. Der Link zur Bewertung in der E-Mail funktioniert weiterhin.


## Seiten: keine E-Mails mehr

preferences-heading = Welche Bitten um Bewertungen möchten Sie erhalten?
preferences-saved-heading = Ihre Auswahl ist gespeichert
preferences-holds =
    { $choice ->
        [no-reminders] { $shop } darf Sie nach einer Bestellung um eine Bewertung bitten, erinnert Sie aber nicht.
        [none-from-shop] { $shop } bittet Sie nicht per E-Mail um Bewertungen.
        [none] Keiner der Shops, die diesen Dienst nutzen, bittet Sie per E-Mail um Bewertungen.
       *[all] { $shop } darf Sie nach einer Bestellung um eine Bewertung bitten und einmal daran erinnern.
    }
preferences-saved = Das gilt ab sofort.
preferences-fixed = E-Mails an diese Adresse sind auch aus einem anderen Grund gestoppt, zum Beispiel weil eine zurückkam. Das lässt sich hier nicht ändern. Wenn Sie wieder von { $shop } hören möchten, schreiben Sie bitte an den Shop.
preferences-choice =
    { $choice ->
        [no-reminders] Fragen Sie mich, aber erinnern Sie mich nicht
        [none-from-shop] Keine Bitten um Bewertungen von { $shop }
        [none] Keine Bitten um Bewertungen von irgendeinem Shop, der diesen Dienst nutzt
       *[all] Fragen Sie mich, und erinnern Sie mich einmal
    }
preferences-orders = E-Mails zu Ihren Bestellungen sind davon nicht betroffen.
preferences-button = Auswahl speichern


## Seiten: etwas ist im Weg

expired-heading = Dieser Link ist abgelaufen
expired-text = Links in Bitten um Bewertungen gelten nur für begrenzte Zeit, und diese ist vorbei. Danke, dass Sie eine Bewertung schreiben wollten.
not-found-heading = Diese Seite gibt es nicht
not-found-text = Vielleicht ist der Link unvollständig. Bitte öffnen Sie ihn noch einmal aus der E-Mail, oder kopieren Sie ihn ganz.
busy-heading = Einen Moment bitte
busy-text = Gerade sind sehr viele Menschen hier. Bitte versuchen Sie es in einer Minute noch einmal.
error-heading = Etwas ist schiefgegangen
error-text = Der Fehler liegt bei uns. Bitte versuchen Sie es in einigen Minuten noch einmal.
error-reference = Wenn Sie uns deswegen schreiben, nennen Sie bitte diese Nummer:
