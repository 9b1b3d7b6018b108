package edgemesh

import (
	"context"
	"errors"
	"iter"
	"time"

	computev1 "github.com/edgemesh/edgemesh/protos/go/edgemesh/compute/v1"
	"google.golang.org/grpc/codes"
)

// A Session is Python that goes on from call to call: variables, functions and files of one call are
// there in the next. It is only a name; its first call makes it.
type Session struct {
	Name   string
	client *Client
}

// SessionInfo is what a session is now.
type SessionInfo struct {
	Name string
	// Calls that it has kept, and how many of the last ones can be undone.
	Calls, Undoable uint64
	StoredBytes     uint64
	// Expires is when it goes unless it is used; zero: never.
	Created, Used, Expires time.Time
}

// A Variable is a name that a session has.
type Variable struct {
	Name, Type string
	SizeBytes  uint64
	// Shape is an array's or a table's, and DType an array's.
	Shape []int64
	DType string
}

// Session is the session of this name; empty: a new name. The mesh is not asked.
func (c *Client) Session(name string) *Session {
	if name == "" {
		name = newName()
	}
	return &Session{Name: name, client: c}
}

// Sessions are the caller's, by name.
func (c *Client) Sessions(ctx context.Context) iter.Seq2[SessionInfo, error] {
	return func(yield func(SessionInfo, error) bool) {
		asked := &computev1.ListSessionsRequest{}
		for {
			page, cancel := c.bound(ctx)
			answer, err := unary(page, c, c.sessions.ListSessions, asked, true)
			cancel()
			if err != nil {
				yield(SessionInfo{}, err)
				return
			}
			for _, told := range answer.GetSessions() {
				if !yield(readSession(told), nil) {
					return
				}
			}
			if asked.After = answer.GetNextAfter(); asked.After == "" {
				return
			}
		}
	}
}

// ImportSession makes a session of what [Session.Export] gave, here or elsewhere.
func (c *Client) ImportSession(ctx context.Context, name string, data []byte) (*Session, error) {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	session := c.Session(name)
	asked := &computev1.ImportSessionRequest{SessionId: session.Name, Data: data}
	_, err := unary(ctx, c, c.sessions.ImportSession, asked, false)
	return session, err
}

// Run runs a program where the last has ended; its Session is set.
func (s *Session) Run(ctx context.Context, program Python) (*Result, error) {
	program.Session = s.Name
	return s.client.RunPython(ctx, program)
}

// Call calls a function that the session has; arguments are what JSON has.
func (s *Session) Call(ctx context.Context, function string, args ...any) (*Result, error) {
	if args == nil {
		args = []any{}
	}
	return s.client.Compute(ctx, Request{
		Algorithm:  "python.call",
		Parameters: map[string]any{"code": "", "function": function, "args": args},
		Session:    s.Name,
	})
}

// Info is what it is now; before its first call there is none.
func (s *Session) Info(ctx context.Context) (SessionInfo, error) {
	ctx, cancel := s.client.bound(ctx)
	defer cancel()
	asked := &computev1.GetSessionRequest{SessionId: s.Name}
	answer, err := unary(ctx, s.client, s.client.sessions.GetSession, asked, true)
	return readSession(answer.GetSession()), err
}

// Variables are the names that it has.
func (s *Session) Variables(ctx context.Context) ([]Variable, error) {
	ctx, cancel := s.client.bound(ctx)
	defer cancel()
	asked := &computev1.InspectSessionRequest{SessionId: s.Name}
	answer, err := unary(ctx, s.client, s.client.sessions.InspectSession, asked, true)
	if err != nil {
		return nil, err
	}
	variables := make([]Variable, 0, len(answer.GetVariables()))
	for _, each := range answer.GetVariables() {
		variables = append(variables, Variable{
			each.GetName(), each.GetType(), each.GetSizeBytes(), each.GetShape(), each.GetDtype(),
		})
	}
	return variables, nil
}

// Fork makes another session that has all that this one has; an empty name: a new one.
func (s *Session) Fork(ctx context.Context, name string) (*Session, error) {
	ctx, cancel := s.client.bound(ctx)
	defer cancel()
	fork := s.client.Session(name)
	asked := &computev1.ForkSessionRequest{SessionId: s.Name, ForkId: fork.Name}
	_, err := unary(ctx, s.client, s.client.sessions.ForkSession, asked, false)
	return fork, err
}

// Undo takes back its last calls.
func (s *Session) Undo(ctx context.Context, calls uint32) (SessionInfo, error) {
	ctx, cancel := s.client.bound(ctx)
	defer cancel()
	asked := &computev1.UndoSessionRequest{SessionId: s.Name, Calls: calls}
	answer, err := unary(ctx, s.client, s.client.sessions.UndoSession, asked, false)
	return readSession(answer.GetSession()), err
}

// Reset makes it empty again.
func (s *Session) Reset(ctx context.Context) error {
	ctx, cancel := s.client.bound(ctx)
	defer cancel()
	asked := &computev1.ResetSessionRequest{SessionId: s.Name}
	_, err := unary(ctx, s.client, s.client.sessions.ResetSession, asked, true)
	return err
}

// Export is all of it, for [Client.ImportSession]. It is not encrypted.
func (s *Session) Export(ctx context.Context) ([]byte, error) {
	ctx, cancel := s.client.bound(ctx)
	defer cancel()
	asked := &computev1.ExportSessionRequest{SessionId: s.Name}
	answer, err := unary(ctx, s.client, s.client.sessions.ExportSession, asked, true)
	return answer.GetData(), err
}

// Delete deletes it; one that is not there is none already.
func (s *Session) Delete(ctx context.Context) error {
	ctx, cancel := s.client.bound(ctx)
	defer cancel()
	asked := &computev1.DeleteSessionRequest{SessionId: s.Name}
	_, err := unary(ctx, s.client, s.client.sessions.DeleteSession, asked, true)
	var refused *RefusedError
	if errors.As(err, &refused) && refused.Code == codes.NotFound {
		return nil
	}
	return err
}

func readSession(told *computev1.Session) SessionInfo {
	return SessionInfo{
		Name:        told.GetSessionId(),
		Calls:       told.GetCalls(),
		Undoable:    told.GetUndoable(),
		StoredBytes: told.GetStoredBytes(),
		Created:     moment(told.GetCreatedMs()),
		Used:        moment(told.GetUsedMs()),
		Expires:     moment(told.GetExpiresMs()),
	}
}
