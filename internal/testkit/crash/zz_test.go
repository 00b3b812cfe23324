package crash_test
import "testing"
func TestStraight(t *testing.T) {
	calls, pic := straight(t)
	for _, c := range calls { t.Log(int(c.kind), c) }
	t.Log(pic)
}
