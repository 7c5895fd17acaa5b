import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import type { BarPlot, LinePlot, PartsPlot, Plot as PlotData } from './plot.ts'

// Plots as SVG for a page that defines a custom property for each colour, such as --rel-att, and the font.

/** As wide as a telephone, so that text is read there as it is. */
const width = 360

/** @param alt what is to be seen, for who cannot see it */
export function drawPlot(plot: PlotData, alt: string): string {
  const { document } = parseHTML('<html></html>')
  const options = optionsOf(plot)
  const svg = Plot.plot({ ...options, width, document, ariaLabel: alt })
  // Readers say the label, and not every number.
  svg.setAttribute('role', 'img')
  svg.setAttribute('font-size', '11')
  return svg.outerHTML
}

function optionsOf(plot: PlotData): Plot.PlotOptions {
  switch (plot.type) {
    case 'bars':
      return bars(plot)
    case 'lines':
      return lines(plot)
    case 'parts':
      return parts(plot)
  }
}

const inColour = ({ colour }: { readonly colour: string }): string => `var(--${colour})`

/** Room for names on the left, in pixels: letters are about six wide. */
const marginFor = (names: readonly string[]): number =>
  Math.min(150, 12 + 6 * Math.max(...names.map(name => name.length)))

const rowHeight = 19

function bars({ bars: all }: BarPlot): Plot.PlotOptions {
  const panels = [...new Set(all.map(({ panel }) => panel))]
  const names = [...new Set(all.map(({ name }) => name))]
  const marginLeft = marginFor(names)
  return {
    marginLeft,
    marginTop: 18,
    marginRight: 44,
    height: panels.length * (names.length * rowHeight + 30) + 40,
    x: {
      domain: [0, 100],
      percent: true,
      label: 'score, %',
      labelArrow: 'none',
      labelAnchor: 'center',
      ticks: 5,
      grid: true,
    },
    y: { domain: names, label: null, tickSize: 0, padding: 0.25 },
    fy: { domain: panels, axis: null, padding: 0.16 },
    marks: [
      Plot.barX(all, { x: 'value', y: 'name', fy: 'panel', fill: inColour }),
      Plot.ruleY(all, { x1: 'low', x2: 'high', y: 'name', fy: 'panel', strokeWidth: 1.25 }),
      Plot.text(all, {
        x: 'high',
        y: 'name',
        fy: 'panel',
        text: ({ value }) => (100 * value).toFixed(1),
        textAnchor: 'start',
        dx: 5,
      }),
      Plot.text(panels, {
        fy: panel => panel,
        frameAnchor: 'top-left',
        text: panel => panel,
        dx: -marginLeft + 6,
        dy: -14,
        fontWeight: 600,
      }),
      Plot.ruleX([0]),
    ],
  }
}

function lines({ x, y, chance, points }: LinePlot): Plot.PlotOptions {
  const whole = points.map(point => point.x)
  return {
    height: 240,
    marginLeft: 40,
    x: {
      label: x,
      labelArrow: 'none',
      labelAnchor: 'center',
      ticks: Math.min(7, Math.max(...whole)),
      tickFormat: 'd',
      inset: 6,
    },
    y: { label: y, zero: true, grid: true, nice: true },
    marks: [
      Plot.ruleY([chance], { strokeDasharray: '3 3' }),
      Plot.areaY(points, {
        x: 'x',
        y1: 'low',
        y2: 'high',
        z: 'series',
        fill: inColour,
        fillOpacity: 0.18,
      }),
      Plot.lineY(points, { x: 'x', y: 'value', z: 'series', stroke: inColour, strokeWidth: 1.75 }),
      Plot.dot(points, { x: 'x', y: 'value', fill: inColour, r: 2.5 }),
    ],
  }
}

function parts({ unit, parts: legend, bars: all }: PartsPlot): Plot.PlotOptions {
  const names = [...new Set(all.map(({ name }) => name))]
  const isShare = unit === 'share'
  return {
    marginLeft: marginFor(names),
    marginRight: 16,
    height: names.length * (rowHeight + 6) + 45,
    x: {
      ...(isShare ? { percent: true, domain: [0, 100], label: 'questions, %' } : { label: 'seconds' }),
      labelArrow: 'none',
      labelAnchor: 'center',
      ticks: 5,
    },
    y: { domain: names, label: null, tickSize: 0, padding: 0.25 },
    color: {
      domain: legend.map(({ name }) => name),
      range: legend.map(inColour),
    },
    marks: [
      Plot.barX(all, { x: 'value', y: 'name', fill: 'part', order: legend.map(({ name }) => name) }),
      Plot.ruleX([0]),
    ],
  }
}
