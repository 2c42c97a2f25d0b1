# Todo lo que se lee, en español. Las explicaciones están en en.ftl.


## Común a los correos y las páginas

stars-label =
    { $stars ->
        [1] 1 estrella – malo
        [2] 2 estrellas – deficiente
        [3] 3 estrellas – aceptable
        [4] 4 estrellas – bueno
       *[5] 5 estrellas – excelente
    }
stars-hint = 1 estrella: malo, 5 estrellas: excelente
items-heading = Lo que has pedido
items-more =
    { $count ->
        [one] y un producto más
       *[other] y { $count } productos más
    }
privacy = Privacidad


## Correo: la invitación a escribir una reseña

invitation-subject = ¿Qué tal tu pedido en { $shop }?
invitation-hello = Hola:
invitation-hello-name = Hola, { $name }:
invitation-ask = Gracias por tu pedido en { $shop }. ¿Qué tal ha ido? Cuéntaselo a otras personas en una reseña: ¿qué estuvo bien y qué no? Todas las opiniones sinceras son igual de bienvenidas.
invitation-ask-order = Gracias por tu pedido { $order } en { $shop }. ¿Qué tal ha ido? Cuéntaselo a otras personas en una reseña: ¿qué estuvo bien y qué no? Todas las opiniones sinceras son igual de bienvenidas.
invitation-stars = ¿Cuántas estrellas das?
invitation-stars-note = Al pulsar una estrella se abre el formulario con tu elección ya marcada. No se envía nada hasta que pulses el botón del formulario.
invitation-button = Escribir una reseña
invitation-why = Recibes este correo porque hiciste un pedido en { $shop }, que pide una reseña a su clientela después de un pedido.
invitation-unsubscribe = Dejar de recibir solicitudes de reseñas


## Correo: el recordatorio

reminder-subject = Recordatorio: ¿qué tal tu pedido en { $shop }?
reminder-ask = Hace unos días te preguntamos qué tal había ido tu pedido en { $shop }. Si tienes un minuto: ¿qué estuvo bien y qué no? Todas las opiniones sinceras son igual de bienvenidas. No volveremos a recordártelo.
reminder-ask-order = Hace unos días te preguntamos qué tal había ido tu pedido { $order } en { $shop }. Si tienes un minuto: ¿qué estuvo bien y qué no? Todas las opiniones sinceras son igual de bienvenidas. No volveremos a recordártelo.


## Correo: los enlaces al final de la invitación y del recordatorio

invitation-later = ¿Aún no lo has probado? Pregúntame más adelante
invitation-later-text = ¿Aún no lo has probado? Podemos preguntarte más adelante:


## Página: el formulario

form-heading = Tu reseña sobre { $shop }
form-intro = Cuenta a otras personas qué tal ha ido. Buenas o malas, todas las opiniones sinceras son igual de bienvenidas.
form-intro-organic = Cuenta tu experiencia a otras personas. Buenas o malas, todas las opiniones sinceras son igual de bienvenidas. Las reseñas de esta página se muestran como espontáneas, es decir, escritas sin invitación.
form-order = Pedido { $order }
form-stars = ¿Cuántas estrellas das?
form-optional = opcional
form-title = Título
form-text = Tu reseña
form-text-hint = ¿Qué estuvo bien y qué no?
form-name = Nombre que se mostrará
form-name-hint = Basta con un nombre de pila o un apodo. Déjalo vacío para mantener el anonimato.
form-website = Deja este campo vacío
form-public = Es posible que se publiquen tu reseña y el nombre indicado arriba. Tu dirección de correo electrónico y tu número de pedido no se publican.
form-submit = Enviar reseña
form-errors-heading =
    { $count ->
        [one] Un punto requiere tu atención
       *[other] { $count } puntos requieren tu atención
    }
form-error =
    { $error ->
        [stars-missing] Elige de 1 a 5 estrellas.
        [title-too-long] El título puede tener como máximo { $max } caracteres.
        [text-too-long] La reseña puede tener como máximo { $max } caracteres.
        [name-too-long] El nombre puede tener como máximo { $max } caracteres.
        [product-stars-missing] Elige de 1 a 5 estrellas también para este producto o borra tu opinión sobre él.
        [product-text-too-long] La opinión sobre un producto puede tener como máximo { $max } caracteres.
       *[expired] La página ha estado abierta demasiado tiempo. No se ha perdido nada: vuelve a enviar el formulario.
    }


## Página: el formulario, los productos

form-shop-heading = La tienda: { $shop }
form-products-heading = Los productos
form-products-hint = Valora tantos como quieras, o ninguno.
form-product-stars = ¿Cuántas estrellas le das a { $product }?
form-product-text = Tu opinión sobre este producto
form-no-stars = Sin valoración


## Páginas: se ha recibido la reseña

thanks-heading = Gracias por tu reseña
thanks-text = Hemos recibido tu reseña sobre { $shop }.
already-heading = Ya has escrito esta reseña
already-text = Hemos recibido tu reseña sobre { $shop }. Una invitación sirve para una sola reseña.
received-stars =
    { $stars ->
        [one] Has dado 1 estrella de 5
       *[other] Has dado { $stars } estrellas de 5
    }
received-label =
    { $label ->
        [pending] Estamos comprobando que corresponde a un pedido real. Si es así, se marcará como verificada.
        [verified] Está marcada como verificada: corresponde a un pedido real.
        [organic] Está marcada como espontánea: se escribió sin invitación.
       *[refused] No hemos podido confirmar que corresponda a un pedido, por lo que no está marcada como verificada.
    }
received-close = Ya puedes cerrar esta página.


## Página: pregúntame más adelante

later-heading = ¿Cuándo quieres que te preguntemos?
later-text = { $shop } te pedirá una vez más una reseña de tu pedido, en el momento que elijas.
later-choice =
    { $weeks ->
        [one] Dentro de una semana
       *[other] Dentro de { $weeks } semanas
    }
later-button = Pregúntame entonces
later-done-heading = Te preguntaremos más adelante
later-done-text =
    { $weeks ->
        [one] Dentro de una semana, aproximadamente, { $shop } te pedirá una reseña una vez más. Ahora no tienes que hacer nada.
       *[other] Dentro de { $weeks } semanas, aproximadamente, { $shop } te pedirá una reseña una vez más. Ahora no tienes que hacer nada.
    }
later-not-heading = No podemos preguntarte más adelante
later-not-text = Ya has usado esta opción o no queda nada por preguntar. El enlace a la reseña que hay en el correo sigue funcionando.


## Páginas: no más correos

preferences-heading = ¿Qué solicitudes de reseñas quieres recibir?
preferences-saved-heading = Tu elección se ha guardado
preferences-holds =
    { $choice ->
        [no-reminders] { $shop } puede pedirte una reseña después de un pedido, pero no te lo recuerda.
        [none-from-shop] { $shop } no te pide reseñas por correo electrónico.
        [none] Ninguna de las tiendas que utilizan este servicio te pide reseñas por correo electrónico.
       *[all] { $shop } puede pedirte una reseña después de un pedido y recordártelo una vez.
    }
preferences-saved = El cambio tiene efecto inmediato.
preferences-fixed = Los correos a esta dirección también se han detenido por otro motivo, por ejemplo porque uno fue devuelto. Eso no se puede cambiar aquí. Si quieres volver a tener noticias de { $shop }, escríbele.
preferences-choice =
    { $choice ->
        [no-reminders] Pregúntame, pero no me lo recuerdes
        [none-from-shop] Ninguna solicitud de reseñas de { $shop }
        [none] Ninguna solicitud de reseñas de ninguna tienda que utilice este servicio
       *[all] Pregúntame y recuérdamelo una vez
    }
preferences-orders = Esto no afecta a los correos sobre tus pedidos.
preferences-button = Guardar mi elección


## Páginas: algo se interpone

expired-heading = Este enlace ha caducado
expired-text = Los enlaces de las solicitudes de reseñas son válidos durante un tiempo limitado y este ha caducado. Gracias por querer escribir una reseña.
not-found-heading = Esta página no existe
not-found-text = Puede que el enlace esté incompleto. Ábrelo de nuevo desde el correo o cópialo entero.
busy-heading = Un momento, por favor
busy-text = Hay muchísimas personas aquí en este momento. Inténtalo de nuevo dentro de un minuto.
error-heading = Algo ha salido mal
error-text = El fallo es nuestro. Inténtalo de nuevo dentro de unos minutos.
error-reference = Si nos escribes por este motivo, indica este número:
