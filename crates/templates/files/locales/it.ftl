# Tutto ciò che si legge, in italiano. Le spiegazioni sono in en.ftl.


## Comune a e-mail e pagine

stars-label =
    { $stars ->
        [1] 1 stella – scarso
        [2] 2 stelle – mediocre
        [3] 3 stelle – nella media
        [4] 4 stelle – buono
       *[5] 5 stelle – eccellente
    }
stars-hint = 1 stella: scarso, 5 stelle: eccellente
items-heading = Che cosa hai ordinato
items-more =
    { $count ->
        [one] e un altro prodotto
       *[other] e altri { $count } prodotti
    }
privacy = Privacy


## E-mail: l’invito a scrivere una recensione

invitation-subject = Com’è andato il tuo ordine da { $shop }?
invitation-hello = Ciao,
invitation-hello-name = Ciao { $name },
invitation-ask = grazie per il tuo ordine da { $shop }. Com’è andata? Raccontalo ad altre persone in una recensione: che cosa è andato bene e che cosa no? Ogni opinione sincera è ugualmente benvenuta.
invitation-ask-order = grazie per il tuo ordine { $order } da { $shop }. Com’è andata? Raccontalo ad altre persone in una recensione: che cosa è andato bene e che cosa no? Ogni opinione sincera è ugualmente benvenuta.
invitation-stars = Quante stelle dai?
invitation-stars-note = Scegliendo una stella si apre il modulo con la tua scelta già inserita. Non viene inviato nulla finché non premi il pulsante nel modulo.
invitation-button = Scrivi una recensione
invitation-why = Ricevi questa e-mail perché hai ordinato da { $shop }, che dopo un ordine chiede una recensione alla propria clientela.
invitation-unsubscribe = Non ricevere più richieste di recensione


## E-mail: il promemoria

reminder-subject = Promemoria: com’è andato il tuo ordine da { $shop }?
reminder-ask = qualche giorno fa ti abbiamo chiesto com’era andato il tuo ordine da { $shop }. Se hai un minuto: che cosa è andato bene e che cosa no? Ogni opinione sincera è ugualmente benvenuta. Non ti invieremo altri promemoria.
reminder-ask-order = qualche giorno fa ti abbiamo chiesto com’era andato il tuo ordine { $order } da { $shop }. Se hai un minuto: che cosa è andato bene e che cosa no? Ogni opinione sincera è ugualmente benvenuta. Non ti invieremo altri promemoria.


## E-mail: i link in fondo all’invito e al promemoria

invitation-later = Non hai ancora provato? Chiedimelo più avanti
invitation-later-text = Non hai ancora provato? Possiamo chiedertelo più avanti:


## Pagina: il modulo

form-heading = La tua recensione su { $shop }
form-intro = Racconta ad altre persone com’è andata. Positiva o negativa, ogni opinione sincera è ugualmente benvenuta.
form-intro-organic = Racconta la tua esperienza ad altre persone. Positiva o negativa, ogni opinione sincera è ugualmente benvenuta. Le recensioni di questa pagina vengono mostrate come spontanee, cioè scritte senza invito.
form-order = Ordine { $order }
form-stars = Quante stelle dai?
form-optional = facoltativo
form-title = Titolo
form-text = La tua recensione
form-text-hint = Che cosa è andato bene e che cosa no?
form-name = Nome da mostrare
form-name-hint = Basta un nome o un soprannome. Lascia vuoto il campo per rimanere nell’anonimato.
form-website = Lascia vuoto questo campo
form-public = La tua recensione e il nome qui sopra potrebbero essere pubblicati. Il tuo indirizzo e-mail e il tuo numero d’ordine non vengono pubblicati.
form-submit = Invia la recensione
form-errors-heading =
    { $count ->
        [one] Un punto richiede la tua attenzione
       *[other] { $count } punti richiedono la tua attenzione
    }
form-error =
    { $error ->
        [stars-missing] Scegli da 1 a 5 stelle.
        [title-too-long] Il titolo può avere al massimo { $max } caratteri.
        [text-too-long] La recensione può avere al massimo { $max } caratteri.
        [name-too-long] Il nome può avere al massimo { $max } caratteri.
        [product-stars-missing] Scegli da 1 a 5 stelle anche per questo prodotto oppure cancella la tua opinione.
        [product-text-too-long] L’opinione su un prodotto può avere al massimo { $max } caratteri.
       *[expired] La pagina è rimasta aperta troppo a lungo. Nulla è andato perso: invia di nuovo il modulo.
    }


## Pagina: il modulo, i prodotti

form-shop-heading = Il negozio: { $shop }
form-products-heading = I prodotti
form-products-hint = Valutane quanti vuoi, oppure nessuno.
form-product-stars = Quante stelle dai a { $product }?
form-product-text = La tua opinione su questo prodotto
form-no-stars = Nessuna valutazione


## Pagine: la recensione è arrivata

thanks-heading = Grazie per la tua recensione
thanks-text = Abbiamo ricevuto la tua recensione su { $shop }.
already-heading = Hai già scritto questa recensione
already-text = Abbiamo ricevuto la tua recensione su { $shop }. Un invito vale per una sola recensione.
received-stars =
    { $stars ->
        [one] Hai dato 1 stella su 5
       *[other] Hai dato { $stars } stelle su 5
    }
received-label =
    { $label ->
        [pending] Stiamo verificando che corrisponda a un ordine reale. In tal caso verrà contrassegnata come verificata.
        [verified] È contrassegnata come verificata: corrisponde a un ordine reale.
        [organic] È contrassegnata come spontanea: è stata scritta senza invito.
       *[refused] Non abbiamo potuto confermare che corrisponda a un ordine, quindi non è contrassegnata come verificata.
    }
received-close = Ora puoi chiudere questa pagina.


## Pagina: chiedimelo più avanti

later-heading = Quando possiamo chiedertelo?
later-text = { $shop } ti chiederà ancora una volta una recensione sul tuo ordine, nel momento che preferisci.
later-choice =
    { $weeks ->
        [one] Tra una settimana
       *[other] Tra { $weeks } settimane
    }
later-button = Chiedimelo allora
later-done-heading = Te lo chiederemo più avanti
later-done-text =
    { $weeks ->
        [one] Tra circa una settimana { $shop } ti chiederà ancora una volta una recensione. Ora non devi fare nulla.
       *[other] Tra circa { $weeks } settimane { $shop } ti chiederà ancora una volta una recensione. Ora non devi fare nulla.
    }
later-not-heading = Non possiamo chiedertelo più avanti
later-not-text = Hai già usato questa possibilità oppure non c’è più nulla da chiedere. Il link alla recensione nell’e-mail funziona ancora.


## Pagine: niente più e-mail

preferences-heading = Quali richieste di recensione vuoi ricevere?
preferences-saved-heading = La tua scelta è salvata
preferences-holds =
    { $choice ->
        [no-reminders] { $shop } può chiederti una recensione dopo un ordine, ma non te lo ricorda.
        [none-from-shop] { $shop } non ti chiede recensioni via e-mail.
        [none] Nessuno dei negozi che usano questo servizio ti chiede recensioni via e-mail.
       *[all] { $shop } può chiederti una recensione dopo un ordine e ricordartelo una volta.
    }
preferences-saved = La modifica ha effetto immediato.
preferences-fixed = Le e-mail a questo indirizzo sono ferme anche per un altro motivo, per esempio perché una è tornata indietro. Questo non si può cambiare qui. Se vuoi di nuovo ricevere notizie da { $shop }, scrivi al negozio.
preferences-choice =
    { $choice ->
        [no-reminders] Chiedimelo, ma non ricordarmelo
        [none-from-shop] Nessuna richiesta di recensione da { $shop }
        [none] Nessuna richiesta di recensione dai negozi che usano questo servizio
       *[all] Chiedimelo e ricordamelo una volta
    }
preferences-orders = Questo non riguarda le e-mail sui tuoi ordini.
preferences-button = Salva la mia scelta


## Pagine: qualcosa non va

expired-heading = Questo link è scaduto
expired-text = I link nelle richieste di recensione sono validi per un periodo limitato e questo è scaduto. Grazie per aver voluto scrivere una recensione.
not-found-heading = Questa pagina non esiste
not-found-text = Il link potrebbe essere incompleto. Aprilo di nuovo dall’e-mail o copialo per intero.
busy-heading = Un momento, per favore
busy-text = In questo momento ci sono moltissime persone. Riprova tra un minuto.
error-heading = Qualcosa è andato storto
error-text = L’errore è nostro. Riprova tra qualche minuto.
error-reference = Se ci scrivi in proposito, indica questo numero:
