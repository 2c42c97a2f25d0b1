# Kaikki luettava suomeksi. Selitykset ovat tiedostossa en.ftl.


## Yhteistä sähköposteille ja sivuille

stars-label =
    { $stars ->
        [1] 1 tähti – huono
        [2] 2 tähteä – välttävä
        [3] 3 tähteä – tyydyttävä
        [4] 4 tähteä – hyvä
       *[5] 5 tähteä – erinomainen
    }
stars-hint = 1 tähti: huono, 5 tähteä: erinomainen
items-heading = Tilaamasi tuotteet
items-more =
    { $count ->
        [one] ja yksi muu tuote
       *[other] ja { $count } muuta tuotetta
    }
privacy = Tietosuoja


## Sähköposti: kutsu kirjoittaa arvostelu

invitation-subject = Miten tilauksesi kaupasta { $shop } sujui?
invitation-hello = Hei!
invitation-hello-name = Hei { $name }!
invitation-ask = Kiitos tilauksestasi kaupasta { $shop }. Miten kaikki sujui? Kerro siitä muille arvostelussa: mikä oli hyvää ja mikä ei? Jokainen rehellinen mielipide on yhtä tervetullut.
invitation-ask-order = Kiitos tilauksestasi { $order } kaupasta { $shop }. Miten kaikki sujui? Kerro siitä muille arvostelussa: mikä oli hyvää ja mikä ei? Jokainen rehellinen mielipide on yhtä tervetullut.
invitation-stars = Montako tähteä annat?
invitation-stars-note = Tähden painaminen avaa lomakkeen, jossa valintasi on valmiina. Mitään ei lähetetä, ennen kuin painat lomakkeen painiketta.
invitation-button = Kirjoita arvostelu
invitation-why = Saat tämän viestin, koska teit tilauksen kaupasta { $shop }, joka pyytää asiakkailtaan arvostelua tilauksen jälkeen.
invitation-unsubscribe = Peru arvostelupyynnöt


## Sähköposti: muistutus

reminder-subject = Muistutus: miten tilauksesi kaupasta { $shop } sujui?
reminder-ask = Muutama päivä sitten kysyimme, miten tilauksesi kaupasta { $shop } sujui. Jos sinulla on hetki aikaa: mikä oli hyvää ja mikä ei? Jokainen rehellinen mielipide on yhtä tervetullut. Emme muistuta sinua uudelleen.
reminder-ask-order = Muutama päivä sitten kysyimme, miten tilauksesi { $order } kaupasta { $shop } sujui. Jos sinulla on hetki aikaa: mikä oli hyvää ja mikä ei? Jokainen rehellinen mielipide on yhtä tervetullut. Emme muistuta sinua uudelleen.


## Sähköposti: kutsun ja muistutuksen lopussa olevat linkit

invitation-later = Etkö ole vielä ehtinyt kokeilla? Kysy minulta myöhemmin
invitation-later-text = Etkö ole vielä ehtinyt kokeilla? Voimme kysyä sinulta myöhemmin:


## Sivu: lomake

form-heading = Arvostelusi kaupasta { $shop }
form-intro = Kerro muille, miten kaikki sujui. Oli se hyvä tai huono, jokainen rehellinen mielipide on yhtä tervetullut.
form-intro-organic = Kerro muille kokemuksestasi. Oli se hyvä tai huono, jokainen rehellinen mielipide on yhtä tervetullut. Tältä sivulta lähetetyt arvostelut näytetään oma-aloitteisina eli ilman kutsua kirjoitettuina.
form-order = Tilaus { $order }
form-stars = Montako tähteä annat?
form-optional = vapaaehtoinen
form-title = Otsikko
form-text = Arvostelusi
form-text-hint = Mikä oli hyvää ja mikä ei?
form-name = Näytettävä nimi
form-name-hint = Etunimi tai lempinimi riittää. Jätä tyhjäksi, jos haluat pysyä nimettömänä.
form-website = Jätä tämä kenttä tyhjäksi
form-public = Arvostelusi ja yllä oleva nimi voidaan julkaista. Sähköpostiosoitettasi ja tilausnumeroasi ei julkaista.
form-submit = Lähetä arvostelu
form-errors-heading =
    { $count ->
        [one] Yksi kohta vaatii huomiotasi
       *[other] { $count } kohtaa vaatii huomiotasi
    }
form-error =
    { $error ->
        [stars-missing] Valitse 1–5 tähteä.
        [title-too-long] Otsikossa voi olla enintään { $max } merkkiä.
        [text-too-long] Arvostelussa voi olla enintään { $max } merkkiä.
        [name-too-long] Nimessä voi olla enintään { $max } merkkiä.
        [product-stars-missing] Valitse 1–5 tähteä myös tälle tuotteelle tai poista mielipiteesi siitä.
        [product-text-too-long] Tuotetta koskevassa mielipiteessä voi olla enintään { $max } merkkiä.
       *[expired] Sivu oli auki liian kauan. Mitään ei ole kadonnut: lähetä arvostelu uudelleen.
    }


## Sivu: lomake, tuotteet

form-shop-heading = Kauppa: { $shop }
form-products-heading = Tuotteet
form-products-hint = Voit arvioida niin monta kuin haluat tai jättää kaikki arvioimatta.
form-product-stars = Montako tähteä annat tuotteelle { $product }?
form-product-text = Mielipiteesi tästä tuotteesta
form-no-stars = Ei arviota


## Sivut: arvostelu on vastaanotettu

thanks-heading = Kiitos arvostelustasi
thanks-text = Olemme vastaanottaneet arvostelusi kaupasta { $shop }.
already-heading = Olet jo kirjoittanut tämän arvostelun
already-text = Olemme vastaanottaneet arvostelusi kaupasta { $shop }. Yhdellä kutsulla voi kirjoittaa yhden arvostelun.
received-stars =
    { $stars ->
        [one] Annoit 1 tähden viidestä
       *[other] Annoit { $stars } tähteä viidestä
    }
received-label =
    { $label ->
        [pending] Tarkistamme, liittyykö arvostelu todelliseen tilaukseen. Jos liittyy, se merkitään vahvistetuksi.
        [verified] Arvostelu on merkitty vahvistetuksi: se liittyy todelliseen tilaukseen.
        [organic] Arvostelu on merkitty oma-aloitteiseksi: se on kirjoitettu ilman kutsua.
       *[refused] Emme pystyneet vahvistamaan, että arvostelu liittyy tilaukseen, joten sitä ei ole merkitty vahvistetuksi.
    }
received-close = Voit nyt sulkea tämän sivun.


## Sivu: kysy minulta myöhemmin

later-heading = Milloin voimme kysyä sinulta?
later-text = { $shop } pyytää sinulta vielä kerran arvostelua tilauksestasi valitsemanasi ajankohtana.
later-choice =
    { $weeks ->
        [one] Viikon kuluttua
       *[other] { $weeks } viikon kuluttua
    }
later-button = Kysy silloin
later-done-heading = Kysymme sinulta myöhemmin
later-done-text =
    { $weeks ->
        [one] { $shop } pyytää sinulta arvostelua vielä kerran noin viikon kuluttua. Sinun ei tarvitse tehdä nyt mitään.
       *[other] { $shop } pyytää sinulta arvostelua vielä kerran noin { $weeks } viikon kuluttua. Sinun ei tarvitse tehdä nyt mitään.
    }
later-not-heading = Emme voi kysyä sinulta myöhemmin
later-not-text = Olet jo käyttänyt tämän mahdollisuuden, tai kysyttävää ei enää ole. Sähköpostissa oleva linkki arvosteluun toimii edelleen.


## Sivut: ei enää sähköposteja

preferences-heading = Mitä arvostelupyyntöjä haluat?
preferences-saved-heading = Valintasi on tallennettu
preferences-holds =
    { $choice ->
        [no-reminders] { $shop } voi pyytää sinulta arvostelua tilauksen jälkeen mutta ei muistuta.
        [none-from-shop] { $shop } ei pyydä sinulta arvosteluja sähköpostitse.
        [none] Mikään tätä palvelua käyttävä kauppa ei pyydä sinulta arvosteluja sähköpostitse.
       *[all] { $shop } voi pyytää sinulta arvostelua tilauksen jälkeen ja muistuttaa kerran.
    }
preferences-saved = Muutos tulee voimaan heti.
preferences-fixed = Viestit tähän osoitteeseen on pysäytetty myös muusta syystä, esimerkiksi koska viesti palautui. Sitä ei voi muuttaa täällä. Jos haluat taas kuulla kaupasta { $shop }, kirjoita sille.
preferences-choice =
    { $choice ->
        [no-reminders] Kysykää, mutta älkää muistuttako
        [none-from-shop] Ei arvostelupyyntöjä kaupasta { $shop }
        [none] Ei arvostelupyyntöjä yhdestäkään tätä palvelua käyttävästä kaupasta
       *[all] Kysykää ja muistuttakaa kerran
    }
preferences-orders = Tämä ei vaikuta tilauksiasi koskeviin viesteihin.
preferences-button = Tallenna valintani


## Sivut: jokin on tiellä

expired-heading = Linkki on vanhentunut
expired-text = Arvostelupyyntöjen linkit ovat voimassa rajoitetun ajan, ja tämä linkki on vanhentunut. Kiitos, että halusit kirjoittaa arvostelun.
not-found-heading = Tätä sivua ei ole
not-found-text = Linkki voi olla vajaa. Avaa se uudelleen sähköpostista tai kopioi koko linkki.
busy-heading = Pieni hetki
busy-text = Täällä on juuri nyt hyvin paljon kävijöitä. Yritä uudelleen minuutin kuluttua.
error-heading = Jokin meni vikaan
error-text = Vika on meissä. Yritä uudelleen muutaman minuutin kuluttua.
error-reference = Jos kirjoitat meille asiasta, mainitse tämä numero:
