// Takes signed orders and puts a delayed asynq task for each into Redis.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/hibiken/asynq"
)

const week = 7 * 24 * time.Hour

type item struct {
	Title string `json:"title"`
	SKU   string `json:"sku"`
}

type order struct {
	ID                uint64 `json:"id"`
	Name              string `json:"name"`
	Email             string `json:"email"`
	FulfillmentStatus string `json:"fulfillment_status"`
	Locale            string `json:"customer_locale"`
	Customer          struct {
		FirstName string `json:"first_name"`
		LastName  string `json:"last_name"`
	} `json:"customer"`
	LineItems []item `json:"line_items"`
}

type job struct {
	Order  uint64 `json:"order"`
	Number string `json:"number"`
	Email  string `json:"email"`
	Name   string `json:"name"`
	Locale string `json:"locale"`
	Items  []item `json:"items"`
}

func main() {
	secret := []byte(os.Getenv("SECRET"))
	client := asynq.NewClient(asynq.RedisClientOpt{Addr: "127.0.0.1:" + os.Getenv("REDIS_PORT"), PoolSize: 64})
	http.HandleFunc("/webhooks/", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(receive(client, secret, r))
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}

func receive(client *asynq.Client, secret []byte, r *http.Request) int {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return http.StatusBadRequest
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	given, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Shopify-Hmac-Sha256"))
	if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
		return http.StatusUnauthorized
	}
	var o order
	if json.Unmarshal(body, &o) != nil {
		return http.StatusUnprocessableEntity
	}
	if o.FulfillmentStatus != "fulfilled" {
		return http.StatusOK
	}
	payload, err := json.Marshal(job{o.ID, o.Name, o.Email, o.Customer.FirstName + " " + o.Customer.LastName, o.Locale, o.LineItems})
	if err != nil {
		return http.StatusInternalServerError
	}
	// The task's id is what de-duplicates: an event that comes again is not added again.
	task := asynq.NewTask("invite", payload)
	_, err = client.Enqueue(task, asynq.TaskID(r.Header.Get("X-Shopify-Event-Id")), asynq.ProcessIn(week))
	if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}
