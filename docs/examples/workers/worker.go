// A Mirano worker in Go, standard library only, that reads the answers itself: it leases tasks of a source that answers
// with JSON, asks it, keeps the raw answer, and tells the facts.
//
//	MIRANO_SERVER=http://127.0.0.1:8700 MIRANO_KEY=... go run worker.go SOURCE KIND ITEMS
//
// KIND is the kind of fact, ITEMS the member of the answer that holds the list; attributes are members of an item.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

type window struct {
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
}

type task struct {
	TaskID  string `json:"task_id"`
	Lease   string `json:"lease_token"`
	Source  string `json:"source"`
	Request struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
		Body    *string           `json:"body"`
	} `json:"request"`
	Proxy     *string  `json:"proxy"`
	Permits   []window `json:"permits"`
	TimeoutMS int64    `json:"timeout_ms"`
	MaxBytes  int64    `json:"max_bytes"`
}

var (
	errLeaseLost = errors.New("the task is somebody else's now")
	server       = env("MIRANO_SERVER", "http://127.0.0.1:8700")
	// Neither the server nor, here, a source is asked through a proxy that the environment names for other uses. A redirect
	// would be a request of its own, and need a permit of its own.
	direct = &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
)

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func post(path, contentType string, body []byte, lease string, answer any) error {
	request, err := http.NewRequest(http.MethodPost, server+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	if key := os.Getenv("MIRANO_KEY"); key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	if lease != "" {
		request.Header.Set("Mirano-Lease", lease)
	}
	response, err := direct.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return err
	case response.StatusCode == http.StatusConflict:
		return errLeaseLost
	case response.StatusCode >= 400:
		return fmt.Errorf("%s: %s", path, said)
	}
	return json.Unmarshal(said, answer)
}

func call(path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return post(path, "application/json", text, "", answer)
}

func ask(t task) (int, string, []byte, error) {
	var body io.Reader
	if t.Request.Body != nil {
		body = bytes.NewReader([]byte(*t.Request.Body))
	}
	request, err := http.NewRequest(t.Request.Method, t.Request.URL, body)
	if err != nil {
		return 0, "", nil, err
	}
	for name, value := range t.Request.Headers {
		request.Header.Set(name, value)
	}
	client := *direct
	client.Timeout = time.Duration(t.TimeoutMS) * time.Millisecond
	response, err := client.Do(request)
	if err != nil {
		return 0, "", nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, t.MaxBytes))
	return response.StatusCode, response.Header.Get("Content-Type"), content, err
}

func work(t task, kind, items string) error {
	about := "/v1/worker/tasks/" + t.TaskID
	fail := func(outcome, cause string) error {
		said := map[string]any{"lease_token": t.Lease, "outcome": outcome, "cause": cause}
		return call(about+"/fail", said, &struct{}{})
	}
	// Never directly instead: that would show an address that the operator hides.
	if t.Proxy != nil {
		return fail("unavailable", "proxy_not_here: this worker has no proxies")
	}
	permit := t.Permits[0]
	time.Sleep(time.Until(permit.NotBefore))
	for time.Now().After(permit.NotAfter) {
		var more struct{ Permits []window }
		if err := call(about+"/permit", map[string]any{"lease_token": t.Lease, "n": 1}, &more); err != nil {
			return err
		}
		if len(more.Permits) == 0 {
			time.Sleep(time.Second)
			continue
		}
		permit = more.Permits[0]
		time.Sleep(time.Until(permit.NotBefore))
	}
	observed := time.Now().UTC().Format(time.RFC3339Nano)
	status, contentType, content, err := ask(t)
	if err != nil {
		return fail("unavailable", "no_answer: "+t.Source)
	}
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	var kept struct {
		ID string `json:"evidence_id"`
	}
	if err := post(about+"/evidence", contentType, content, t.Lease, &kept); err != nil {
		return err
	}
	var answer map[string]json.RawMessage
	var found []map[string]any
	if status != http.StatusOK || json.Unmarshal(content, &answer) != nil || json.Unmarshal(answer[items], &found) != nil {
		return fail("unparsable", fmt.Sprintf("http_%d: not the answer that is known", status))
	}
	facts := make([]map[string]any, 0, len(found))
	for _, item := range found {
		facts = append(facts, map[string]any{"kind": kind, "attrs": item})
	}
	outcome := "found"
	if len(facts) == 0 {
		outcome = "nothing_found"
	}
	var recorded struct {
		Observation *string `json:"observation_id"`
	}
	err = call(about+"/complete", map[string]any{"lease_token": t.Lease, "outcome": outcome, "complete": true,
		"observed_at": observed, "evidence": []string{kept.ID}, "facts": facts}, &recorded)
	if err == nil && recorded.Observation != nil {
		fmt.Println(t.Source, t.TaskID, len(facts), "facts, observation", *recorded.Observation)
	}
	return err
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: worker SOURCE KIND ITEMS")
		os.Exit(2)
	}
	fmt.Println("works for", server)
	for {
		var leased struct{ Tasks []task }
		lease := map[string]any{"sources": os.Args[1:2], "max": 4, "worker": "go", "wait_s": 20}
		if err := call("/v1/worker/lease", lease, &leased); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		for _, t := range leased.Tasks {
			if err := work(t, os.Args[2], os.Args[3]); err != nil {
				fmt.Println(t.Source, t.TaskID, err)
			}
		}
	}
}
