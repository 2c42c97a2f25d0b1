# Tudo o que se lê, em português europeu. As explicações estão em en.ftl.


## Comum aos e-mails e às páginas

stars-label =
    { $stars ->
        [1] 1 estrela – mau
        [2] 2 estrelas – fraco
        [3] 3 estrelas – razoável
        [4] 4 estrelas – bom
       *[5] 5 estrelas – excelente
    }
stars-hint = 1 estrela: mau, 5 estrelas: excelente
items-heading = Produtos encomendados
items-more =
    { $count ->
        [one] e mais um produto
       *[other] e mais { $count } produtos
    }
privacy = Privacidade


## E-mail: o convite para escrever uma avaliação

invitation-subject = Como correu a sua encomenda na loja { $shop }?
invitation-hello = Olá!
invitation-hello-name = Olá, { $name }!
invitation-ask = Agradecemos a sua encomenda na loja { $shop }. Como correu? Conte a outras pessoas numa avaliação: o que foi bom e o que não foi? Todas as opiniões sinceras são igualmente bem-vindas.
invitation-ask-order = Agradecemos a sua encomenda { $order } na loja { $shop }. Como correu? Conte a outras pessoas numa avaliação: o que foi bom e o que não foi? Todas as opiniões sinceras são igualmente bem-vindas.
invitation-stars = Quantas estrelas dá?
invitation-stars-note = Ao escolher uma estrela, abre-se o formulário com a sua escolha preenchida. Nada é enviado até carregar no botão do formulário.
invitation-button = Escrever uma avaliação
invitation-why = Recebe este e-mail porque fez uma encomenda na loja { $shop }, que, após uma encomenda, pede uma avaliação à sua clientela.
invitation-unsubscribe = Deixar de receber pedidos de avaliação


## E-mail: o lembrete

reminder-subject = Lembrete: como correu a sua encomenda na loja { $shop }?
reminder-ask = Há alguns dias, perguntámos-lhe como tinha corrido a sua encomenda na loja { $shop }. Se tiver um minuto: o que foi bom e o que não foi? Todas as opiniões sinceras são igualmente bem-vindas. Não enviaremos outro lembrete.
reminder-ask-order = Há alguns dias, perguntámos-lhe como tinha corrido a sua encomenda { $order } na loja { $shop }. Se tiver um minuto: o que foi bom e o que não foi? Todas as opiniões sinceras são igualmente bem-vindas. Não enviaremos outro lembrete.


## E-mail: links no fim do convite e do lembrete

invitation-later = Ainda não experimentou? Perguntem-me mais tarde
invitation-later-text = Ainda não experimentou? Podemos perguntar-lhe mais tarde:


## Página: o formulário

form-heading = A sua avaliação da loja { $shop }
form-intro = Conte a outras pessoas como correu. Boas ou más, todas as opiniões sinceras são igualmente bem-vindas.
form-intro-organic = Conte a sua experiência a outras pessoas. Boas ou más, todas as opiniões sinceras são igualmente bem-vindas. As avaliações desta página são apresentadas como espontâneas, ou seja, escritas sem convite.
form-order = Encomenda { $order }
form-stars = Quantas estrelas dá?
form-optional = opcional
form-title = Título
form-text = A sua avaliação
form-text-hint = O que foi bom e o que não foi?
form-name = Nome a apresentar
form-name-hint = Basta um nome próprio ou uma alcunha. Deixe em branco para manter o anonimato.
form-website = Deixe este campo em branco
form-public = A sua avaliação e o nome acima podem ser publicados. O seu endereço de e-mail e o seu número de encomenda não são publicados.
form-submit = Enviar avaliação
form-errors-heading =
    { $count ->
        [one] Um ponto requer a sua atenção
       *[other] { $count } pontos requerem a sua atenção
    }
form-error =
    { $error ->
        [stars-missing] Escolha de 1 a 5 estrelas.
        [title-too-long] O título pode ter, no máximo, { $max } caracteres.
        [text-too-long] A avaliação pode ter, no máximo, { $max } caracteres.
        [name-too-long] O nome pode ter, no máximo, { $max } caracteres.
        [product-stars-missing] Escolha de 1 a 5 estrelas também para este produto ou apague a sua opinião sobre ele.
        [product-text-too-long] A opinião sobre um produto pode ter, no máximo, { $max } caracteres.
       *[expired] A página esteve aberta demasiado tempo. Nada se perdeu: envie novamente o formulário.
    }


## Página: o formulário, os produtos

form-shop-heading = A loja: { $shop }
form-products-heading = Os produtos
form-products-hint = Avalie tantos quantos quiser, ou nenhum.
form-product-stars = Quantas estrelas dá ao produto { $product }?
form-product-text = A sua opinião sobre este produto
form-no-stars = Sem classificação


## Páginas: a avaliação foi recebida

thanks-heading = Agradecemos a sua avaliação
thanks-text = Recebemos a sua avaliação da loja { $shop }.
already-heading = Já escreveu esta avaliação
already-text = Recebemos a sua avaliação da loja { $shop }. Um convite é válido para uma única avaliação.
received-stars =
    { $stars ->
        [one] Deu 1 estrela em 5
       *[other] Deu { $stars } estrelas em 5
    }
received-label =
    { $label ->
        [pending] Estamos a verificar se corresponde a uma encomenda real. Em caso afirmativo, será assinalada como verificada.
        [verified] Está assinalada como verificada: corresponde a uma encomenda real.
        [organic] Está assinalada como espontânea: foi escrita sem convite.
       *[refused] Não conseguimos confirmar que corresponde a uma encomenda, por isso não está assinalada como verificada.
    }
received-close = Já pode fechar esta página.


## Página: perguntem-me mais tarde

later-heading = Quando quer que lhe perguntemos?
later-text = A loja { $shop } irá pedir-lhe mais uma vez uma avaliação da sua encomenda, na altura que escolher.
later-choice =
    { $weeks ->
        [one] Daqui a uma semana
       *[other] Daqui a { $weeks } semanas
    }
later-button = Perguntem-me nessa altura
later-done-heading = Perguntamos-lhe mais tarde
later-done-text =
    { $weeks ->
        [one] Daqui a cerca de uma semana, a loja { $shop } irá pedir-lhe mais uma vez uma avaliação. Não precisa de fazer nada agora.
       *[other] Daqui a cerca de { $weeks } semanas, a loja { $shop } irá pedir-lhe mais uma vez uma avaliação. Não precisa de fazer nada agora.
    }
later-not-heading = Não podemos perguntar-lhe mais tarde
later-not-text = Já usou esta possibilidade ou já não há nada a perguntar. O link para a avaliação que está no e-mail continua a funcionar.


## Páginas: não receber mais e-mails

preferences-heading = Que pedidos de avaliação quer receber?
preferences-saved-heading = A sua escolha foi guardada
preferences-holds =
    { $choice ->
        [no-reminders] A loja { $shop } pode pedir-lhe uma avaliação depois de uma encomenda, mas não envia lembretes.
        [none-from-shop] A loja { $shop } não lhe pede avaliações por e-mail.
        [none] Nenhuma das lojas que utilizam este serviço lhe pede avaliações por e-mail.
       *[all] A loja { $shop } pode pedir-lhe uma avaliação depois de uma encomenda e enviar um lembrete.
    }
preferences-saved = A alteração tem efeito imediato.
preferences-fixed = Os e-mails para este endereço também estão parados por outro motivo, por exemplo porque um foi devolvido. Isso não pode ser alterado aqui. Se quiser voltar a receber notícias da loja { $shop }, escreva-lhe.
preferences-choice =
    { $choice ->
        [no-reminders] Perguntem-me, mas sem lembrete
        [none-from-shop] Nenhum pedido de avaliação da loja { $shop }
        [none] Nenhum pedido de avaliação das lojas que utilizam este serviço
       *[all] Perguntem-me e enviem um lembrete
    }
preferences-orders = Os e-mails sobre as suas encomendas não são afetados.
preferences-button = Guardar a minha escolha


## Páginas: algo correu mal

expired-heading = Este link expirou
expired-text = Os links nos pedidos de avaliação são válidos por tempo limitado e este já expirou. Agradecemos a intenção de escrever uma avaliação.
not-found-heading = Esta página não existe
not-found-text = O link pode estar incompleto. Abra-o novamente a partir do e-mail ou copie-o por inteiro.
busy-heading = Um momento, por favor
busy-text = Estão muitas pessoas aqui neste momento. Tente novamente dentro de um minuto.
error-heading = Algo correu mal
error-text = A falha é nossa. Tente novamente dentro de alguns minutos.
error-reference = Se nos escrever sobre este assunto, indique este número:
