// What is drawn, as plain data.

export type Plot = BarPlot | LinePlot | PartsPlot

/** Shares with their intervals, a panel for each group of questions. */
export interface BarPlot {
  readonly type: 'bars'
  readonly bars: readonly {
    readonly panel: string
    readonly name: string
    readonly colour: Colour
    readonly value: number
    readonly low: number
    readonly high: number
  }[]
}

/** Means over whole numbers, each with its interval. */
export interface LinePlot {
  readonly type: 'lines'
  readonly x: string
  readonly y: string
  /** What would be seen if nothing were the case. */
  readonly chance: number
  readonly points: readonly {
    readonly series: string
    readonly colour: Colour
    readonly x: number
    readonly value: number
    readonly low: number
    readonly high: number
  }[]
}

/** Bars made of parts. */
export interface PartsPlot {
  readonly type: 'parts'
  readonly unit: 'share' | 'seconds'
  readonly parts: readonly { readonly name: string; readonly colour: Colour }[]
  readonly bars: readonly { readonly name: string; readonly part: string; readonly value: number }[]
}

/** The colours that a page defines, in light and in dark. */
export const colours = [
  'none',
  'rel-att',
  'grad-att',
  'pure-grad',
  'human',
  'control',
  'right',
  'wrong',
  'part-1',
  'part-2',
  'part-3',
  'part-4',
  'part-5',
] as const

export type Colour = (typeof colours)[number]
