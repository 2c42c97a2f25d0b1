# Wszystko, co się czyta, po polsku. Objaśnienia są w en.ftl.


## Wspólne dla e-maili i stron

stars-label =
    { $stars ->
        [1] 1 gwiazdka – źle
        [2] 2 gwiazdki – słabo
        [3] 3 gwiazdki – przeciętnie
        [4] 4 gwiazdki – dobrze
       *[5] 5 gwiazdek – doskonale
    }
stars-hint = 1 gwiazdka: źle, 5 gwiazdek: doskonale
items-heading = Zamówione produkty
items-more =
    { $count ->
        [one] i jeszcze jeden produkt
        [few] i jeszcze { $count } produkty
        [many] i jeszcze { $count } produktów
       *[other] i jeszcze { $count } produktu
    }
privacy = Prywatność


## E-mail: zaproszenie do napisania opinii

invitation-subject = Jak oceniasz zamówienie w sklepie { $shop }?
invitation-hello = Dzień dobry!
invitation-hello-name = Dzień dobry, { $name }!
invitation-ask = Dziękujemy za zamówienie w sklepie { $shop }. Jak przebiegły zakupy? Opowiedz o nich innym w opinii: co było dobre, a co nie? Każda szczera opinia jest tak samo mile widziana.
invitation-ask-order = Dziękujemy za zamówienie { $order } w sklepie { $shop }. Jak przebiegły zakupy? Opowiedz o nich innym w opinii: co było dobre, a co nie? Każda szczera opinia jest tak samo mile widziana.
invitation-stars = Ile gwiazdek przyznajesz?
invitation-stars-note = Wybranie gwiazdki otwiera formularz z zaznaczoną oceną. Nic nie zostanie wysłane, dopóki nie naciśniesz przycisku w formularzu.
invitation-button = Napisz opinię
invitation-why = Otrzymujesz tę wiadomość w związku z zamówieniem w sklepie { $shop }, który po zakupach prosi kupujących o opinię.
invitation-unsubscribe = Zrezygnuj z próśb o opinie


## E-mail: przypomnienie

reminder-subject = Przypomnienie: jak oceniasz zamówienie w sklepie { $shop }?
reminder-ask = Kilka dni temu zapytaliśmy, jak oceniasz zamówienie w sklepie { $shop }. Jeśli masz chwilę: co było dobre, a co nie? Każda szczera opinia jest tak samo mile widziana. Nie będziemy już o tym przypominać.
reminder-ask-order = Kilka dni temu zapytaliśmy, jak oceniasz zamówienie { $order } w sklepie { $shop }. Jeśli masz chwilę: co było dobre, a co nie? Każda szczera opinia jest tak samo mile widziana. Nie będziemy już o tym przypominać.


## E-mail: linki na końcu zaproszenia i przypomnienia

invitation-later = Za wcześnie na opinię? Zapytaj mnie później
invitation-later-text = Za wcześnie na opinię? Możemy zapytać później:


## Strona: formularz

form-heading = Twoja opinia o sklepie { $shop }
form-intro = Opowiedz innym, jak było. Dobra czy zła, każda szczera opinia jest tak samo mile widziana.
form-intro-organic = Opowiedz innym o swoich doświadczeniach. Dobra czy zła, każda szczera opinia jest tak samo mile widziana. Opinie z tej strony są oznaczane jako spontaniczne, czyli napisane bez zaproszenia.
form-order = Zamówienie { $order }
form-stars = Ile gwiazdek przyznajesz?
form-optional = opcjonalnie
form-title = Tytuł
form-text = Twoja opinia
form-text-hint = Co było dobre, a co nie?
form-name = Podpis pod opinią
form-name-hint = Wystarczy imię lub pseudonim. Pozostaw to pole puste, aby zachować anonimowość.
form-website = Pozostaw to pole puste
form-public = Twoja opinia i powyższy podpis mogą zostać opublikowane. Twój adres e-mail i numer zamówienia nie są publikowane.
form-submit = Wyślij opinię
form-errors-heading =
    { $count ->
        [one] Jedna rzecz wymaga poprawy
        [few] { $count } rzeczy wymagają poprawy
        [many] { $count } rzeczy wymaga poprawy
       *[other] { $count } rzeczy wymaga poprawy
    }
form-error =
    { $error ->
        [stars-missing] Wybierz od 1 do 5 gwiazdek.
        [title-too-long] Tytuł może mieć najwyżej { $max } znaków.
        [text-too-long] Opinia może mieć najwyżej { $max } znaków.
        [name-too-long] Podpis może mieć najwyżej { $max } znaków.
        [product-stars-missing] Wybierz od 1 do 5 gwiazdek także dla tego produktu albo usuń opinię o nim.
        [product-text-too-long] Opinia o produkcie może mieć najwyżej { $max } znaków.
       *[expired] Strona była otwarta zbyt długo. Nic nie przepadło: wyślij formularz jeszcze raz.
    }


## Strona: formularz, produkty

form-shop-heading = Sklep: { $shop }
form-products-heading = Produkty
form-products-hint = Możesz ocenić dowolną liczbę produktów albo żadnego.
form-product-stars = Ile gwiazdek przyznajesz produktowi { $product }?
form-product-text = Twoja opinia o tym produkcie
form-no-stars = Bez oceny


## Strony: opinia dotarła

thanks-heading = Dziękujemy za opinię
thanks-text = Otrzymaliśmy Twoją opinię o sklepie { $shop }.
already-heading = Ta opinia jest już napisana
already-text = Otrzymaliśmy Twoją opinię o sklepie { $shop }. Jedno zaproszenie pozwala napisać jedną opinię.
received-stars =
    { $stars ->
        [one] Twoja ocena: 1 gwiazdka na 5
        [few] Twoja ocena: { $stars } gwiazdki na 5
        [many] Twoja ocena: { $stars } gwiazdek na 5
       *[other] Twoja ocena: { $stars } gwiazdki na 5
    }
received-label =
    { $label ->
        [pending] Sprawdzamy, czy opinia dotyczy prawdziwego zamówienia. Jeśli tak, zostanie oznaczona jako zweryfikowana.
        [verified] Opinia jest oznaczona jako zweryfikowana: dotyczy prawdziwego zamówienia.
        [organic] Opinia jest oznaczona jako spontaniczna: powstała bez zaproszenia.
       *[refused] Nie udało nam się potwierdzić, że opinia dotyczy zamówienia, dlatego nie jest oznaczona jako zweryfikowana.
    }
received-close = Możesz teraz zamknąć tę stronę.


## Strona: zapytaj mnie później

later-heading = Kiedy mamy zapytać?
later-text = W wybranym przez Ciebie terminie sklep { $shop } jeszcze raz poprosi Cię o opinię o zamówieniu.
later-choice =
    { $weeks ->
        [one] Za tydzień
        [few] Za { $weeks } tygodnie
        [many] Za { $weeks } tygodni
       *[other] Za { $weeks } tygodnia
    }
later-button = Zapytaj mnie wtedy
later-done-heading = Zapytamy później
later-done-text =
    { $weeks ->
        [one] Mniej więcej za tydzień sklep { $shop } jeszcze raz poprosi Cię o opinię. Nie musisz teraz nic robić.
        [few] Mniej więcej za { $weeks } tygodnie sklep { $shop } jeszcze raz poprosi Cię o opinię. Nie musisz teraz nic robić.
        [many] Mniej więcej za { $weeks } tygodni sklep { $shop } jeszcze raz poprosi Cię o opinię. Nie musisz teraz nic robić.
       *[other] Mniej więcej za { $weeks } tygodnia sklep { $shop } jeszcze raz poprosi Cię o opinię. Nie musisz teraz nic robić.
    }
later-not-heading = Nie możemy zapytać później
later-not-text = Ta możliwość została już wykorzystana albo nie ma już o co pytać. Link do opinii w e-mailu nadal działa.


## Strony: koniec e-maili

preferences-heading = Jakie prośby o opinie chcesz otrzymywać?
preferences-saved-heading = Twój wybór został zapisany
preferences-holds =
    { $choice ->
        [no-reminders] Sklep { $shop } może po zamówieniu poprosić Cię o opinię, ale nie przypomina o tym.
        [none-from-shop] Sklep { $shop } nie prosi Cię e-mailem o opinie.
        [none] Żaden ze sklepów korzystających z tej usługi nie prosi Cię e-mailem o opinie.
       *[all] Sklep { $shop } może po zamówieniu poprosić Cię o opinię i raz o tym przypomnieć.
    }
preferences-saved = Zmiana obowiązuje od razu.
preferences-fixed = E-maile na ten adres są wstrzymane także z innego powodu, na przykład dlatego, że jeden wrócił. Tego nie można tu zmienić. Jeśli chcesz znów otrzymywać wiadomości od sklepu { $shop }, napisz do niego.
preferences-choice =
    { $choice ->
        [no-reminders] Pytajcie mnie, ale nie przypominajcie
        [none-from-shop] Żadnych próśb o opinie od sklepu { $shop }
        [none] Żadnych próśb o opinie od sklepów korzystających z tej usługi
       *[all] Pytajcie mnie i raz przypomnijcie
    }
preferences-orders = Nie dotyczy to e-maili o Twoich zamówieniach.
preferences-button = Zapisz mój wybór


## Strony: coś stoi na przeszkodzie

expired-heading = Ten link wygasł
expired-text = Linki w prośbach o opinie są ważne przez ograniczony czas, a ten już wygasł. Dziękujemy za chęć napisania opinii.
not-found-heading = Ta strona nie istnieje
not-found-text = Link może być niepełny. Otwórz go jeszcze raz z e-maila albo skopiuj go w całości.
busy-heading = Chwileczkę
busy-text = Jest tu teraz bardzo wiele osób. Spróbuj ponownie za minutę.
error-heading = Coś poszło nie tak
error-text = Błąd leży po naszej stronie. Spróbuj ponownie za kilka minut.
error-reference = Jeśli do nas o tym napiszesz, podaj ten numer:
