# Everything people read, in English. A language is added by adding one file like this one.
# Texts that a language file lacks appear in English.
#
# { $name } and the like are filled in; keep them. Texts are plain: no HTML.
# Wording is neutral on purpose: a review is asked for in the same words whatever it will say.


## Shared by mails and pages

# $stars: 1 to 5.
stars-label =
    { $stars ->
        [1] 1 star – poor
        [2] 2 stars – fair
        [3] 3 stars – average
        [4] 4 stars – good
       *[5] 5 stars – excellent
    }
stars-hint = 1 star: poor, 5 stars: excellent
items-heading = What you ordered
# Follows a list of products. $count: how many more there are.
items-more =
    { $count ->
        [one] and one more product
       *[other] and { $count } more products
    }
privacy = Privacy


## Mail: the invitation to write a review

invitation-subject = How was your order from { $shop }?
invitation-hello = Hello,
invitation-hello-name = Hello { $name },
invitation-ask = Thank you for your order from { $shop }. How did it go? Please tell others in a review: what was good, and what was not. Every honest opinion is equally welcome.
invitation-ask-order = Thank you for your order { $order } from { $shop }. How did it go? Please tell others in a review: what was good, and what was not. Every honest opinion is equally welcome.
invitation-stars = How many stars do you give?
invitation-stars-note = A star opens the form with your choice filled in. Nothing is sent until you press the button there.
invitation-button = Write a review
invitation-why = You are receiving this email because you ordered from { $shop }, which asks its customers for a review after an order.
invitation-unsubscribe = Unsubscribe from review requests


## Mail: the reminder, if there is no review a week after the invitation

reminder-subject = A reminder: how was your order from { $shop }?
reminder-ask = Some days ago we asked how your order from { $shop } went. If you have a minute: what was good, and what was not? Every honest opinion is equally welcome. We will not remind you again.
reminder-ask-order = Some days ago we asked how your order { $order } from { $shop } went. If you have a minute: what was good, and what was not? Every honest opinion is equally welcome. We will not remind you again.


## Mail: links below the invitation and the reminder

invitation-later = Not tried it yet? Ask me later
# The same in plain text, with the link on a line of its own after it.
invitation-later-text = Not tried it yet? We can ask you later:


## Page: the review form

form-heading = Your review of { $shop }
form-intro = Tell others how it went. Good or bad, every honest opinion is equally welcome.
form-intro-organic = Tell others about your experience. Good or bad, every honest opinion is equally welcome. Reviews from this page are shown as organic: written without an invitation.
form-order = Order { $order }
form-stars = How many stars do you give?
form-optional = optional
form-title = Headline
form-text = Your review
form-text-hint = What was good, and what was not?
form-name = Name to show
form-name-hint = A first name or a nickname is enough. Leave it empty to stay anonymous.
form-website = Leave this field empty
form-public = Your review and the name above may be published. Your email address and your order number are not.
form-submit = Send review
form-errors-heading =
    { $count ->
        [one] One thing needs your attention
       *[other] { $count } things need your attention
    }
# $error: what is wrong. $max: the most characters that fit.
form-error =
    { $error ->
        [stars-missing] Please choose 1 to 5 stars.
        [title-too-long] The headline may have at most { $max } characters.
        [text-too-long] The review may have at most { $max } characters.
        [name-too-long] The name may have at most { $max } characters.
        [product-stars-missing] Please choose 1 to 5 stars for this product too, or delete your opinion of it.
        [product-text-too-long] The opinion of a product may have at most { $max } characters.
       *[expired] The page was open for too long. Nothing is lost: please send it again.
    }


## Page: the review form, products

form-shop-heading = The shop: { $shop }
form-products-heading = The products
form-products-hint = Rate as many as you like, or none.
form-product-stars = How many stars do you give { $product }?
form-product-text = Your opinion of this product
# A choice beside 1 to 5 stars.
form-no-stars = No rating


## Pages: a review was received

thanks-heading = Thank you for your review
thanks-text = We have received your review of { $shop }.
already-heading = You have already written this review
already-text = We have received your review of { $shop }. An invitation is good for one review.
received-stars =
    { $stars ->
        [one] You gave 1 star out of 5
       *[other] You gave { $stars } stars out of 5
    }
# $label: how the review is marked.
received-label =
    { $label ->
        [pending] We are checking that it belongs to a real order. If it does, it is marked as verified.
        [verified] It is marked as verified: it belongs to a real order.
        [organic] It is marked as organic: it was written without an invitation.
       *[refused] We could not confirm an order behind it, so it is not marked as verified.
    }
received-close = You can close this page now.


## Page: ask me later

later-heading = When shall we ask you?
later-text = { $shop } will ask you once more for a review of your order, at the time you choose.
# $weeks: 1, 2 or 4.
later-choice =
    { $weeks ->
        [one] In one week
       *[other] In { $weeks } weeks
    }
later-button = Ask me then
later-done-heading = We will ask you later
later-done-text =
    { $weeks ->
        [one] { $shop } will ask you for a review once more in about one week. You need not do anything now.
       *[other] { $shop } will ask you for a review once more in about { $weeks } weeks. You need not do anything now.
    }
later-not-heading = We cannot ask you later
later-not-text = This has been used already, or there is nothing left to ask about. The link to your review in the email still works.


## Pages: no more mail

preferences-heading = Which review requests do you want?
preferences-saved-heading = Your choice is saved
# $choice: what holds now.
preferences-holds =
    { $choice ->
        [no-reminders] { $shop } may ask you for a review after an order, but does not remind you.
        [none-from-shop] { $shop } does not ask you for reviews by email.
        [none] None of the shops that use this service asks you for reviews by email.
       *[all] { $shop } may ask you for a review after an order, and remind you once.
    }
preferences-saved = This takes effect at once.
preferences-fixed = Emails to this address are also stopped for another reason, for example because one came back. That cannot be changed here. If you want to hear from { $shop } again, please write to them.
preferences-choice =
    { $choice ->
        [no-reminders] Ask me, but do not remind me
        [none-from-shop] No review requests from { $shop }
        [none] No review requests from any shop that uses this service
       *[all] Ask me, and remind me once
    }
preferences-orders = Emails about your orders are not affected.
preferences-button = Save my choice


## Pages: something is in the way

expired-heading = This link has expired
expired-text = Links in review requests are valid for a limited time, and this one has run out. Thank you for wanting to write a review.
not-found-heading = This page does not exist
not-found-text = The link may be incomplete. Please open it once more from the email, or copy all of it.
busy-heading = One moment, please
busy-text = Very many people are here right now. Please try again in a minute.
error-heading = Something went wrong
error-text = The fault is ours. Please try again in a few minutes.
error-reference = If you write to us about it, please mention this number:
