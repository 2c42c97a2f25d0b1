# Tout ce qui se lit, en français. Les explications se trouvent dans en.ftl.


## Commun aux e-mails et aux pages

stars-label =
    { $stars ->
        [1] 1 étoile – mauvais
        [2] 2 étoiles – médiocre
        [3] 3 étoiles – moyen
        [4] 4 étoiles – bon
       *[5] 5 étoiles – excellent
    }
stars-hint = 1 étoile : mauvais, 5 étoiles : excellent
items-heading = Produits commandés
items-more =
    { $count ->
        [one] et un autre produit
       *[other] et { $count } autres produits
    }
privacy = Confidentialité


## E-mail : l’invitation à écrire un avis

invitation-subject = Comment s’est passée votre commande chez { $shop } ?
invitation-hello = Bonjour,
invitation-hello-name = Bonjour { $name },
invitation-ask = Merci pour votre commande chez { $shop }. Comment cela s’est-il passé ? Partagez votre expérience dans un avis : qu’est-ce qui était bien, et qu’est-ce qui l’était moins ? Tous les avis sincères sont les bienvenus, sans distinction.
invitation-ask-order = Merci pour votre commande { $order } chez { $shop }. Comment cela s’est-il passé ? Partagez votre expérience dans un avis : qu’est-ce qui était bien, et qu’est-ce qui l’était moins ? Tous les avis sincères sont les bienvenus, sans distinction.
invitation-stars = Combien d’étoiles donnez-vous ?
invitation-stars-note = Une étoile ouvre le formulaire avec votre choix prérempli. Rien n’est envoyé tant que vous n’appuyez pas sur le bouton du formulaire.
invitation-button = Écrire un avis
invitation-why = Vous recevez cet e-mail parce que vous avez commandé chez { $shop }, qui demande un avis à sa clientèle après une commande.
invitation-unsubscribe = Ne plus recevoir de demandes d’avis


## E-mail : le rappel

reminder-subject = Rappel : comment s’est passée votre commande chez { $shop } ?
reminder-ask = Il y a quelques jours, nous vous avons demandé comment s’était passée votre commande chez { $shop }. Si vous avez une minute : qu’est-ce qui était bien, et qu’est-ce qui l’était moins ? Tous les avis sincères sont les bienvenus, sans distinction. Nous ne vous enverrons pas d’autre rappel.
reminder-ask-order = Il y a quelques jours, nous vous avons demandé comment s’était passée votre commande { $order } chez { $shop }. Si vous avez une minute : qu’est-ce qui était bien, et qu’est-ce qui l’était moins ? Tous les avis sincères sont les bienvenus, sans distinction. Nous ne vous enverrons pas d’autre rappel.


## E-mail : les liens au bas de l’invitation et du rappel

invitation-later = Pas encore essayé ? Reposez-moi la question plus tard
invitation-later-text = Pas encore essayé ? Nous pouvons vous reposer la question plus tard :


## Page : le formulaire

form-heading = Votre avis sur { $shop }
form-intro = Racontez comment cela s’est passé. Bons ou mauvais, tous les avis sincères sont les bienvenus, sans distinction.
form-intro-organic = Racontez votre expérience. Bons ou mauvais, tous les avis sincères sont les bienvenus, sans distinction. Les avis déposés sur cette page portent la mention « spontané » : ils sont écrits sans invitation.
form-order = Commande { $order }
form-stars = Combien d’étoiles donnez-vous ?
form-optional = facultatif
form-title = Titre
form-text = Votre avis
form-text-hint = Qu’est-ce qui était bien, et qu’est-ce qui l’était moins ?
form-name = Nom à afficher
form-name-hint = Un prénom ou un pseudonyme suffit. Laissez ce champ vide pour rester anonyme.
form-website = Laissez ce champ vide
form-public = Votre avis et le nom ci-dessus peuvent être publiés. Votre adresse e-mail et votre numéro de commande ne le sont pas.
form-submit = Envoyer l’avis
form-errors-heading =
    { $count ->
        [one] Un point demande votre attention
       *[other] { $count } points demandent votre attention
    }
form-error =
    { $error ->
        [stars-missing] Veuillez choisir de 1 à 5 étoiles.
        [title-too-long] Le titre ne peut pas dépasser { $max } caractères.
        [text-too-long] L’avis ne peut pas dépasser { $max } caractères.
        [name-too-long] Le nom ne peut pas dépasser { $max } caractères.
        [product-stars-missing] Veuillez choisir de 1 à 5 étoiles pour ce produit aussi, ou supprimer votre avis à son sujet.
        [product-text-too-long] L’avis sur un produit ne peut pas dépasser { $max } caractères.
       *[expired] La page est restée ouverte trop longtemps. Rien n’est perdu : veuillez renvoyer le formulaire.
    }


## Page : le formulaire, les produits

form-shop-heading = La boutique : { $shop }
form-products-heading = Les produits
form-products-hint = Notez-en autant que vous le souhaitez, ou aucun.
form-product-stars = Combien d’étoiles donnez-vous à { $product } ?
form-product-text = Votre avis sur ce produit
form-no-stars = Pas de note


## Pages : l’avis est arrivé

thanks-heading = Merci pour votre avis
thanks-text = Nous avons bien reçu votre avis sur { $shop }.
already-heading = Vous avez déjà écrit cet avis
already-text = Nous avons bien reçu votre avis sur { $shop }. Une invitation est valable pour un seul avis.
received-stars =
    { $stars ->
        [one] Vous avez donné 1 étoile sur 5
       *[other] Vous avez donné { $stars } étoiles sur 5
    }
received-label =
    { $label ->
        [pending] Nous vérifions qu’il correspond à une commande réelle. Si c’est le cas, il portera la mention « vérifié ».
        [verified] Il porte la mention « vérifié » : il correspond à une commande réelle.
        [organic] Il porte la mention « spontané » : il a été écrit sans invitation.
       *[refused] Nous n’avons pas pu confirmer qu’il correspond à une commande ; il ne porte donc pas la mention « vérifié ».
    }
received-close = Vous pouvez maintenant fermer cette page.


## Page : reposez-moi la question plus tard

later-heading = Quand pouvons-nous vous reposer la question ?
later-text = { $shop } vous demandera encore une fois un avis sur votre commande, au moment de votre choix.
later-choice =
    { $weeks ->
        [one] Dans une semaine
       *[other] Dans { $weeks } semaines
    }
later-button = Me poser la question à ce moment-là
later-done-heading = Nous vous reposerons la question plus tard
later-done-text =
    { $weeks ->
        [one] { $shop } vous demandera encore une fois un avis dans une semaine environ. Vous n’avez rien à faire pour l’instant.
       *[other] { $shop } vous demandera encore une fois un avis dans { $weeks } semaines environ. Vous n’avez rien à faire pour l’instant.
    }
later-not-heading = Nous ne pouvons pas vous reposer la question plus tard
later-not-text = Vous avez déjà utilisé cette possibilité, ou il n’y a plus rien à demander. Le lien de l’e-mail vers votre avis fonctionne toujours.


## Pages : plus d’e-mails

preferences-heading = Quelles demandes d’avis souhaitez-vous recevoir ?
preferences-saved-heading = Votre choix est enregistré
preferences-holds =
    { $choice ->
        [no-reminders] { $shop } peut vous demander un avis après une commande, sans rappel.
        [none-from-shop] { $shop } ne vous demande pas d’avis par e-mail.
        [none] Aucune des boutiques qui utilisent ce service ne vous demande d’avis par e-mail.
       *[all] { $shop } peut vous demander un avis après une commande et vous le rappeler une fois.
    }
preferences-saved = Cela prend effet immédiatement.
preferences-fixed = Les e-mails à cette adresse sont aussi arrêtés pour une autre raison, par exemple parce que l’un d’eux est revenu. Cela ne peut pas être modifié ici. Pour avoir de nouveau des nouvelles de { $shop }, veuillez écrire à la boutique.
preferences-choice =
    { $choice ->
        [no-reminders] Demandez-moi un avis, sans rappel
        [none-from-shop] Aucune demande d’avis de { $shop }
        [none] Aucune demande d’avis des boutiques qui utilisent ce service
       *[all] Demandez-moi un avis, avec un rappel
    }
preferences-orders = Cela ne concerne pas les e-mails relatifs à vos commandes.
preferences-button = Enregistrer mon choix


## Pages : un obstacle

expired-heading = Ce lien a expiré
expired-text = Les liens contenus dans les demandes d’avis sont valables pour une durée limitée, et celui-ci a expiré. Merci d’avoir voulu écrire un avis.
not-found-heading = Cette page n’existe pas
not-found-text = Le lien est peut-être incomplet. Veuillez l’ouvrir à nouveau depuis l’e-mail, ou le copier en entier.
busy-heading = Un instant, s’il vous plaît
busy-text = Il y a beaucoup de monde en ce moment. Veuillez réessayer dans une minute.
error-heading = Un problème est survenu
error-text = Le problème vient de chez nous. Veuillez réessayer dans quelques minutes.
error-reference = Si vous nous écrivez à ce sujet, merci d’indiquer ce numéro :
