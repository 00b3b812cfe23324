package step

import (
	"slices"
	"testing"

	"github.com/coachplatform/coach-operator/internal/converge"
)

func TestEveryActionOfAStepIsOfAServiceWithARow(t *testing.T) {
	if err := Check(); err != nil {
		t.Error(err)
	}
}

func TestTheActionsOfAStepAreItsReadsAndWrites(t *testing.T) {
	got := actionsOf[int](converge.Of[int, int]{Reads: []string{"a:Get"}, Writes: []string{"b:Put"}})
	if want := []string{"a:Get", "b:Put"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
