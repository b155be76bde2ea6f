package report

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	panelWidth  = 12 * vg.Centimeter
	panelHeight = 9 * vg.Centimeter
	legendWidth = 3.4 * vg.Centimeter
	lineWidth   = 1.8
	sans        = "Sans"
)

// subjects are those in the pictures, with their colours: of Okabe and Ito's, which people who do not see all colours tell
// apart.
var subjects = []struct {
	name   string
	colour color.NRGBA
}{
	{Floor, color.NRGBA{R: 0x77, G: 0x77, B: 0x77, A: 0xff}},
	{FloorPlus, color.NRGBA{R: 0x56, G: 0xb4, B: 0xe9, A: 0xff}},
	{Braid, color.NRGBA{R: 0x00, G: 0x72, B: 0xb2, A: 0xff}},
	{Reference, color.NRGBA{R: 0xd5, G: 0x5e, B: 0x00, A: 0xff}},
}

// LatencyPlot draws how the times of ADD and DEL of three networks are distributed, as SVG.
func (r *Report) LatencyPlot(w io.Writer) error {
	legend := newLegend()
	add, err := r.distribution(Add, &legend)
	if err != nil {
		return err
	}
	del, err := r.distribution(Del, new(plot.Legend))
	if err != nil {
		return err
	}
	return svg(w, legend, add, del)
}

// distribution draws which share of the pods took no longer than a time.
func (r *Report) distribution(what string, legend *plot.Legend) (*plot.Plot, error) {
	p := newPlot(fmt.Sprintf("%s of a pod with %s", what, ThreeNetworks), "milliseconds", "pods that took no longer, in %")
	for _, s := range subjects {
		row := find(r.Rows, Latency, ThreeNetworks, what, s.name)
		if row == nil {
			continue
		}
		line, err := plotter.NewLine(cumulated(row.Samples))
		if err != nil {
			return nil, fmt.Errorf("draw %s of %s: %w", what, s.name, err)
		}
		line.Color, line.Width = s.colour, vg.Points(lineWidth)
		p.Add(line)
		legend.Add(s.name, line)
	}
	logarithmic(&p.X)
	p.Y.Min, p.Y.Max = 0, 100
	p.Y.Tick.Marker = plot.ConstantTicks(ticks(0, 25, 50, 75, 100))
	return p, nil
}

// cumulated are the corners of the empirical distribution: it steps at each sample.
func cumulated(samples []float64) (points plotter.XYs) {
	sorted := slices.Sorted(slices.Values(samples))
	share := func(i int) float64 { return 100 * float64(i) / float64(len(sorted)) }
	for i, x := range sorted {
		points = append(points, plotter.XY{X: x, Y: share(i)}, plotter.XY{X: x, Y: share(i + 1)})
	}
	return points
}

// ThroughputPlot draws how many pods a second start, by how many start at the same time, as SVG.
func (r *Report) ThroughputPlot(w io.Writer) error {
	p, legend := newPlot("Pods with 3 networks: median, least and most", "ADDs at the same time", "pods a second"), newLegend()
	for _, s := range subjects {
		rates := r.rates(s.name)
		if rates.Len() == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(rates)
		if err != nil {
			return fmt.Errorf("draw the throughput of %s: %w", s.name, err)
		}
		bars, err := plotter.NewYErrorBars(rates)
		if err != nil {
			return fmt.Errorf("draw the spread of %s: %w", s.name, err)
		}
		line.Color, line.Width, dots.Color, dots.Shape, bars.Color = s.colour, vg.Points(lineWidth), s.colour, draw.CircleGlyph{}, s.colour
		p.Add(line, dots, bars)
		legend.Add(s.name, line, dots)
	}
	logarithmic(&p.Y)
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.ConstantTicks(ticks(1, 4, 8, 32))
	p.X.Min, p.X.Max = 0.85, 38
	return svg(w, legend, p)
}

// rated are the points of one line, with their spread.
type rated struct {
	plotter.XYs
	plotter.YErrors
}

// rates are the medians of one subject.
func (r *Report) rates(subject string) (points rated) {
	for _, workers := range []int{1, 4, 8, 32} {
		row := find(r.Rows, Throughput, Workers(workers), Add, subject)
		if row == nil {
			continue
		}
		points.XYs = append(points.XYs, plotter.XY{X: float64(workers), Y: row.Median})
		points.YErrors = append(points.YErrors, struct{ Low, High float64 }{row.Median - row.Min, row.Max - row.Median})
	}
	return points
}

// newPlot is an empty one, in a face that any viewer has one of.
func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = vg.Millimeter * 2
	for _, f := range []*font.Font{
		&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font,
		&p.X.Tick.Label.Font, &p.Y.Tick.Label.Font,
	} {
		f.Variant = sans
	}
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = color.Gray{Y: 0xdd}, color.Gray{Y: 0xdd}
	p.Add(grid)
	return p
}

// newLegend is an empty one.
func newLegend() plot.Legend {
	l := plot.NewLegend()
	l.Top, l.Left, l.Padding = true, true, vg.Millimeter
	l.TextStyle.Font.Variant = sans
	return l
}

// ticks are labelled with what they are.
func ticks(values ...float64) (all []plot.Tick) {
	for _, x := range values {
		all = append(all, plot.Tick{Value: x, Label: fmt.Sprint(x)})
	}
	return all
}

// logarithmic makes an axis so, from one tick to another: what is drawn lies between.
func logarithmic(axis *plot.Axis) {
	axis.Scale, axis.Tick.Marker = plot.LogScale{}, plot.TickerFunc(logTicks)
	if !(axis.Min > 0) || math.IsInf(axis.Max, 0) { // nothing is drawn
		axis.Min, axis.Max = 1, 10
	}
	around := logTicks(math.Pow(10, math.Floor(math.Log10(axis.Min))), math.Pow(10, math.Ceil(math.Log10(axis.Max))))
	from, to := axis.Min, axis.Max
	for i := range around {
		if x := around[i].Value; x <= axis.Min {
			from = x
		}
		if x := around[len(around)-1-i].Value; x >= axis.Max {
			to = x
		}
	}
	axis.Min, axis.Max = from, to
}

// logTicks are at 1, 2 and 5 times the powers of ten. In a wide range only the powers are labelled.
func logTicks(lowest, highest float64) (all []plot.Tick) {
	wide := highest/lowest > 300
	for power := math.Floor(math.Log10(lowest)); power <= math.Log10(highest); power++ {
		for _, digit := range []float64{1, 2, 5} {
			x := digit * math.Pow(10, power)
			if x < lowest*0.999 || x > highest*1.001 {
				continue
			}
			tick := ticks(x)[0]
			if wide && digit != 1 {
				tick.Label = ""
			}
			all = append(all, tick)
		}
	}
	return all
}

// svg draws plots side by side, and a legend beside them.
func svg(w io.Writer, legend plot.Legend, plots ...*plot.Plot) error {
	canvas := vgsvg.New(panelWidth*vg.Length(len(plots))+legendWidth, panelHeight)
	whole := draw.New(canvas)
	tiles := draw.Tiles{Rows: 1, Cols: len(plots), PadTop: vg.Millimeter * 2, PadBottom: vg.Millimeter, PadLeft: vg.Millimeter, PadRight: vg.Millimeter * 4, PadX: vg.Millimeter * 6}
	for i, c := range plot.Align([][]*plot.Plot{plots}, tiles, draw.Crop(whole, 0, -legendWidth, 0, 0))[0] {
		plots[i].Draw(c)
	}
	legend.Draw(draw.Crop(whole, whole.Max.X-legendWidth, 0, 0, -vg.Centimeter))
	if _, err := canvas.WriteTo(w); err != nil {
		return fmt.Errorf("write a picture: %w", err)
	}
	return nil
}
