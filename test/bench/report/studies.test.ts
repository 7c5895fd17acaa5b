import { describe, expect, it } from 'vitest'
import { findBenchmark } from '../../../src/bench/registry.ts'
import { gather } from '../../../src/bench/report/experiment.ts'
import type { Row, Way } from '../../../src/bench/run/row.ts'
import { studies } from '../../../src/bench/studies/registry.ts'
import { failedNamed, runNamed } from '../sample-row.ts'
import { answered, asked, experimentOf, folderOf, run, square, tableOf, valuesOf, view } from './rows.ts'

const none: Way = { method: 'none' }
const relAtt: Way = { method: 'rel-att' }
const human: Way = { method: 'human' }

const llava = { model: { ...runNamed('').model, layerCount: 32, inputSize: 336, name: 'llava' } }

describe('size', () => {
  const read = { tags: { family: 'read' } }
  const ways = [none, relAtt, human]
  const rows = [
    // Small below S = 0.01 of the demo's 100 x 100 pixels, large from 0.04 on.
    ...answered(asked('1', { ...read, boxes: square(9) }), ways, ['b', 'a', 'a']),
    ...answered(asked('2', { ...read, boxes: square(9) }), ways, ['b', 'b', 'a']),
    ...answered(asked('3', { ...read, boxes: square(9) }), ways, ['a', 'b', 'a']),
    ...answered(asked('4', { ...read, boxes: square(9) }), ways, ['b', 'a', 'a']),
    ...answered(asked('5', { ...read, boxes: square(10) }), ways, ['b', 'a', 'b']),
    ...answered(asked('6', { ...read, boxes: square(20) }), ways, ['a', 'a', 'a']),
    // Of another family, and without a box.
    ...answered(asked('7', { tags: { family: 'form' }, boxes: square(9) }), ways, ['b', 'b', 'b']),
    ...answered(asked('8', read), ways, ['b', 'b', 'b']),
  ]

  it('has scores by the share of the picture, with who won and lost', async () => {
    const table = tableOf(view('size', await experimentOf(rows)), 'demo: score by size')
    expect(table.columns).toEqual(['small, S < 0.01 (4)', 'medium (1)', 'large, S ≥ 0.04 (1)'])
    expect(valuesOf(table)).toMatchObject({
      'no crop': [0.25, 0, 1],
      'rel-att': [0.5, 1, 1],
      'human crop': [1, 0, 1],
    })
    const [small, medium] = table.rows[1]!.cells
    expect(small!.difference).toMatchObject({ difference: 0.25, won: 2, lost: 1, p: 1, pairs: 4 })
    expect(medium!.difference).toMatchObject({ difference: 1, low: 1, high: 1, won: 1, lost: 0, p: 1 })
    expect(table.rows[0]!.cells[0]!.difference).toBeUndefined()
    expect(table.of).toMatchObject({ questions: 8, scorer: 'exact match', model: 'demo' })
  })

  it('is as published only where that is a size', async () => {
    const sized = ['large', 'constructor'].flatMap(size =>
      answered(asked(size, { tags: { family: 'read', size }, boxes: square(9) }), [none], ['a']),
    )
    const table = tableOf(view('size', await experimentOf(sized)), 'demo: score by size')
    expect(table.columns).toEqual(['small, S < 0.01 (1)', 'large, S ≥ 0.04 (1)'])
  })

  it('has the share of what the human crop gains', async () => {
    const title = 'demo: share of what the human crop gains, by size'
    // Of small things rel-att gains 1 where a person gains 3; elsewhere a person gains nothing.
    expect(valuesOf(tableOf(view('size', await experimentOf(rows)), title))).toEqual({
      'rel-att': [0.3333, null, null],
    })
  })

  it('has the paper beside it: in the cells for the same model and benchmark, in rows for another', async () => {
    const question = asked('1', { boxes: square(5) })
    const same = await experimentOf(answered(question, ways, ['a', 'a', 'a'], { benchmark: 'textvqa' }), [
      run('r1', 'textvqa', llava),
    ])
    const [plain, , crop] = tableOf(view('size', same), 'textvqa: score by size').rows
    expect(plain!.cells[0]!.paper).toBeCloseTo(0.3938, 12)
    expect(crop!.cells[0]!.paper).toBeCloseTo(0.6995, 12)
    const other = tableOf(view('size', await experimentOf(rows)), 'demo: score by size')
    expect(other.rows.filter(({ isPaper }) => isPaper).map(({ name }) => name)).toEqual([
      'paper, LLaVA-1.5, TextVQA: no crop',
      'paper, LLaVA-1.5, TextVQA: human crop',
    ])
  })

  it('takes a publisher’s word for a size', async () => {
    const rows = ['small', 'large', 'other'].flatMap(size =>
      answered(asked(size, { boxes: square(10), tags: { family: 'read', size } }), [none], ['a']),
    )
    const table = tableOf(view('size', await experimentOf(rows)), 'demo: score by size')
    expect(table.columns).toEqual(['small, S < 0.01 (1)', 'medium (1)', 'large, S ≥ 0.04 (1)'])
  })

  it('takes TextVQA’s things as small below 0.005 and large from 0.05 on', async () => {
    const sides = [7, 8, 22, 23]
    const rows = sides.flatMap(side =>
      answered(asked(`${side}`, { boxes: square(side) }), [none], ['a'], { benchmark: 'textvqa' }),
    )
    const table = tableOf(
      view('size', await experimentOf(rows, [run('r1', 'textvqa')])),
      'textvqa: score by size',
    )
    // S = 0.0049, 0.0064, 0.0484, 0.0529.
    expect(table.columns).toEqual(['small, S < 0.005 (1)', 'medium (2)', 'large, S ≥ 0.05 (1)'])
  })

  it('shows nothing without boxes', async () => {
    expect(view('size', await experimentOf(answered(asked('1'), ways, ['a', 'a', 'a'])))).toEqual([])
  })
})

describe('attention', () => {
  const ratios = (of: (number | null)[]): Partial<Row> => ({ ratios: of })
  const rows = [
    ...answered(asked('1', { boxes: square(9) }), [none, relAtt], ['a', 'a'], ratios([1, 4, 2, 1])),
    ...answered(asked('2', { boxes: square(9) }), [none, relAtt], ['a', 'b'], ratios([1, 6, 4, 1])),
    ...answered(asked('3', { boxes: square(9) }), [none, relAtt], ['b', 'a'], ratios([2, 8, 3, 1])),
    // Not shown to the model, not answered plainly, and not measured.
    ...answered(asked('4', { boxes: square(9) }), [none], ['a'], ratios([null, 1, 1, 1])),
    ...answered(asked('5', { boxes: square(9) }), [relAtt], ['a'], ratios([9, 9, 9, 9])),
    ...answered(asked('6'), [none], ['a']),
  ]

  it('is the mean by layer, of plain answers that are right and wrong', async () => {
    const table = tableOf(view('attention', await experimentOf(rows)), 'demo: attention ratio by layer')
    expect(table.columns).toEqual(['plain answer right (2)', 'plain answer wrong (1)'])
    expect(valuesOf(table)).toEqual({ 0: [1, 2], 1: [5, 8], 2: [3, 3], 3: [1, 1] })
    // One question has no interval.
    expect(table.rows[1]!.cells[1]).toEqual({ value: 8, unit: 'times', n: 1 })
  })

  it('of right answers alone is drawn alone', async () => {
    const right = rows.filter(({ question }) => question.id !== '3')
    const [figure] = view('attention', await experimentOf(right))
    if (figure?.kind !== 'figure' || figure.plot.type !== 'lines') throw new Error('no lines')
    expect(figure.alt).toBe('Highest in layer 1 (5.0) where the plain answer is right.')
    expect(new Set(figure.plot.points.map(({ series }) => series))).toEqual(new Set(['plain answer right']))
  })

  it('of a connector with layers of its own is the mean over these', async () => {
    const pairs = [1, 3, 2, 4, 5, 5, 0, 2]
    const experiment = await experimentOf(
      answered(asked('1', { boxes: square(9) }), [none], ['a'], ratios(pairs)),
    )
    const table = tableOf(view('attention', experiment), 'demo: attention ratio by layer')
    expect(table.rows.map(({ cells }) => cells[0]?.value)).toEqual([2, 3, 5, 1])
  })
})

describe('methods', () => {
  it('has a row a way, with questions that one lacks left out of pairs and counted', async () => {
    const rows = [
      ...answered(asked('1'), [none, relAtt], ['a', 'a']),
      ...answered(asked('2'), [none, relAtt], ['b', 'a']),
      ...answered(asked('3'), [none], ['a']),
      ...answered(asked('4', { isCounted: false }), [none, relAtt], ['b', 'a']),
    ]
    const experiment = await experimentOf(rows, [run('r1', 'demo')], [failedNamed('x', 'no such picture')])
    const table = tableOf(view('methods', experiment), 'demo: methods')
    expect(valuesOf(table)).toEqual({
      'no crop': [4, 0.5, null, null, null, null, null],
      'rel-att': [3, 1, 0.6667, 2, 0, 0.5, null],
    })
    expect(table.rows[1]!.cells[2]).toMatchObject({ unit: 'points', n: 3, low: 0, high: 1 })
    expect(table.notes).toEqual([
      'No answer to 1 of 4 questions, which are left out of pairs: rel-att.',
      'Failed: 7, rel-att, layer 1+2: no such picture',
    ])
  })

  it('leaves out what its publisher does not count', async () => {
    const rows = [
      ...answered(asked('1'), [none], ['a'], { benchmark: 'aokvqa' }),
      ...answered(asked('2', { isCounted: false }), [none], ['b'], { benchmark: 'aokvqa' }),
    ]
    const experiment = await experimentOf(rows, [run('r1', 'aokvqa')])
    // One of three people who gave it.
    expect(valuesOf(tableOf(view('methods', experiment), 'aokvqa: methods'))).toEqual({
      'no crop': [1, 0.3333, null, null, null, null, null],
    })
  })

  it('has POPE’s figures, of all and of each split', async () => {
    const yesNo = (id: string, split: string, right: 'yes' | 'no', answer: string): Row[] =>
      answered(
        asked(id, { tags: { split }, expected: { type: 'yes-no', answer: right } }),
        [none],
        [answer],
        { benchmark: 'pope' },
      )
    const rows = [
      ...yesNo('1', 'random', 'yes', 'Yes.'),
      ...yesNo('2', 'random', 'yes', 'yes'),
      ...yesNo('3', 'random', 'yes', 'No'),
      ...yesNo('4', 'random', 'no', 'yes'),
      ...yesNo('5', 'popular', 'no', 'no'),
      ...yesNo('6', 'popular', 'yes', 'yes'),
    ]
    const blocks = view('methods', await experimentOf(rows, [run('r1', 'pope', llava)]))
    const title = 'pope: precision and recall,'
    // In all 3 hits, 1 false alarm, 1 miss, 1 right no.
    expect(valuesOf(tableOf(blocks, `${title} all`))).toEqual({
      'no crop': [6, 0.6667, 0.75, 0.75, 0.75, 0.6667],
    })
    expect(valuesOf(tableOf(blocks, `${title} random`))).toEqual({
      'no crop': [4, 0.5, 0.6667, 0.6667, 0.6667, 0.75],
    })
    expect(valuesOf(tableOf(blocks, `${title} popular`))).toEqual({ 'no crop': [2, 1, 1, 1, 1, 0.5] })
    expect(valuesOf(tableOf(blocks, 'pope: score by split'))).toEqual({ 'no crop': [0.5, 1] })
    expect(tableOf(blocks, 'pope: methods').rows[0]!.cells[1]).toMatchObject({ paper: 0.8527 })
  })

  it('puts benchmarks of one model side by side, with the paper’s numbers', async () => {
    const letters = asked('1', { expected: { type: 'choice', options: ['red', 'blue'], correct: 0 } })
    const rows = [
      ...answered(asked('1'), [none, relAtt], ['b', 'a'], { benchmark: 'gqa', run: 'r2' }),
      ...answered(letters, [none], ['A'], { benchmark: 'vstar' }),
    ]
    const runs = [run('r1', 'vstar', llava), run('r2', 'gqa', llava)]
    const { experiments } = await gather(folderOf(rows, runs), 'official')
    const table = tableOf(view('methods', ...experiments), 'Methods by benchmark')
    expect(table.columns).toEqual(['vstar (1)', 'gqa (1)'])
    expect(valuesOf(table)).toEqual({ 'no crop': [1, 0], 'rel-att': [null, 1] })
    expect(table.rows[0]!.cells[0]).toMatchObject({ paper: 0.4241 })
    expect(table.rows[1]!.cells[1]).toMatchObject({ paper: 0.6097, difference: { won: 1 } })
  })
})

describe('the other studies', () => {
  const all = (ways: readonly Way[], answers: readonly string[][], more: Partial<Row> = {}): Row[] =>
    answers.flatMap((of, i) => answered(asked(`${i}`), ways, of, more))

  it('ablations compare a way with the same by default', async () => {
    const ways: Way[] = [
      none,
      relAtt,
      { method: 'rel-att', layers: 'all' },
      { method: 'rel-att', highRes: 'off' },
      { method: 'pure-grad' },
      { method: 'pure-grad', variant: 'code' },
    ]
    const experiment = await experimentOf(
      all(ways, [
        ['b', 'a', 'b', 'a', 'b', 'a'],
        ['b', 'a', 'a', 'a', 'a', 'a'],
      ]),
    )
    const table = tableOf(view('ablations', experiment), 'demo: other layers, resolution, variant')
    expect(valuesOf(table)).toEqual({
      'rel-att, all layers': [0.5, 1, -0.5],
      'rel-att, high-res off': [1, 1, 0],
      'pure-grad, code': [1, 0.5, 0.5],
    })
    expect(table.rows[0]!.cells[2]!.difference).toMatchObject({ won: 0, lost: 1 })
  })

  it('controls compare methods with crops anywhere', async () => {
    const ways: Way[] = [none, relAtt, { method: 'random', seed: 1 }, { method: 'centre' }]
    const experiment = await experimentOf(
      all(ways, [
        ['b', 'a', 'b', 'a'],
        ['b', 'a', 'a', 'a'],
      ]),
    )
    const table = tableOf(view('controls', experiment), 'demo: more than a crop anywhere')
    expect(table.columns).toEqual(['against random crop', 'against centre crop'])
    expect(valuesOf(table)).toEqual({ 'rel-att': [0.5, 0] })
  })

  it('another model’s answers are compared with its own plain ones', async () => {
    const ways: Way[] = [none, { method: 'none', answerer: 'gpt' }, { method: 'rel-att', answerer: 'gpt' }]
    const experiment = await experimentOf(all(ways, [['a', 'b', 'a']]))
    const table = tableOf(view('answerer', experiment), 'demo: answers of another model')
    expect(valuesOf(table)).toEqual({
      'no crop, answered by gpt': [0],
      'rel-att, answered by gpt': [1],
    })
    expect(table.rows[1]!.cells[0]!.difference).toMatchObject({ difference: 1, won: 1 })
  })

  it('time is the mean by stage, and what a method takes more than the plain answer', async () => {
    const timed = (id: string, plainMs: number, mapMs: number): Row[] => [
      ...answered(asked(id), [none], ['a'], { timings: { encodeMs: 100, plainAnswerMs: plainMs } }),
      ...answered(asked(id), [relAtt], ['a'], {
        timings: { encodeMs: 100, encodeBlocksMs: 20, mapMs, encodeCropMs: 90, answerMs: 60 },
      }),
    ]
    const table = tableOf(
      view('overhead', await experimentOf([...timed('1', 50, 30), ...timed('2', 70, 50)])),
      'demo: seconds a question',
    )
    expect(table.columns).toEqual([
      'picture',
      'plain answer',
      'map',
      'answer with the crop',
      'in all',
      'overhead',
    ])
    expect(valuesOf(table)).toMatchObject({
      'no crop': [0.1, 0.06, null, null, 0.16, null],
      'rel-att': [0.1, null, 0.06, 0.15, 0.31, 0.15],
      'paper, LLaVA-1.5: rel-att': [null, null, null, null, null, 1.16],
    })
    // Both take 0.15 s more: the interval is of the differences, which do not differ.
    const [low, high] = [table.rows[1]!.cells[5]!.low, table.rows[1]!.cells[5]!.high]
    expect(low).toBeCloseTo(0.15, 9)
    expect(high).toBeCloseTo(0.15, 9)
  })

  it('localisation is the mean over questions with boxes', async () => {
    const found = (
      attentionRatio: number | null,
      pointed: boolean,
      covered: number | null,
    ): Partial<Row> => ({
      localisation: { attentionRatio, pointed, covered },
    })
    const small = { boxes: square(9), tags: { family: 'read' } }
    const large = { boxes: square(30), tags: { family: 'read' } }
    const blocks = view(
      'localisation',
      await experimentOf([
        ...answered(asked('1', small), [relAtt], ['a'], found(4, true, 1)),
        ...answered(asked('2', small), [relAtt], ['a'], found(null, false, 0)),
        ...answered(asked('3', large), [relAtt], ['a'], found(2, true, null)),
        ...answered(asked('4'), [relAtt], ['a']),
      ]),
    )
    expect(valuesOf(tableOf(blocks, 'demo: attention ratio of the map, 1 is chance'))).toEqual({
      'rel-att': [3, 4, 2],
    })
    expect(valuesOf(tableOf(blocks, "demo: the map's highest cell touches a box"))).toEqual({
      'rel-att': [0.6667, 0.5, 1],
    })
    expect(valuesOf(tableOf(blocks, 'demo: share of the box inside the crop, where there is one'))).toEqual({
      'rel-att': [0.5, 0.5, null],
    })
    const plot = blocks.find(({ kind }) => kind === 'figure')
    expect(plot).toMatchObject({
      plot: {
        bars: [
          { part: 'all of it', value: 1 / 3 },
          { part: 'at least half', value: 0 },
          { part: 'less', value: 0 },
          { part: 'nothing', value: 1 / 3 },
          { part: 'no crop', value: 1 / 3 },
        ],
      },
    })
  })

  it('settings are compared question by question, crops too', async () => {
    const rows = [
      ...all(
        [none, relAtt],
        [
          ['a', 'a'],
          ['b', 'a'],
        ],
      ),
      ...all(
        [none, relAtt],
        [
          ['a', 'b'],
          ['b', 'a'],
        ],
        { run: 'r2' },
      ),
    ]
    const moved = { ...rows.at(-1)!, crop: { x: 1, y: 0, width: 50, height: 50 } }
    const q8 = { settings: { ...runNamed('').settings, dtype: 'q8' } } as const
    const folder = folderOf([...rows.slice(0, -1), moved], [run('r1', 'demo'), run('r2', 'demo', q8)])
    const { experiments } = await gather(folder, 'official')
    const title = 'demo, q8, plain prompt, at most 20 tokens: against f32, plain prompt, at most 20 tokens'
    expect(valuesOf(tableOf(view('settings', ...experiments), title))).toEqual({
      'no crop': [0, null],
      'rel-att': [-0.5, 0.5],
    })
  })

  it('settings with no way in common are not compared', async () => {
    const rows = [...all([none], [['a']]), ...all([relAtt], [['a']], { run: 'r2' })]
    const q8 = { settings: { ...runNamed('').settings, dtype: 'q8' } } as const
    const { experiments } = await gather(
      folderOf(rows, [run('r1', 'demo'), run('r2', 'demo', q8)]),
      'official',
    )
    expect(experiments).toHaveLength(2)
    expect(view('settings', ...experiments)).toEqual([])
  })
})

it('each study asks only for what a benchmark can show', () => {
  const ways = (name: string, benchmark: string): string[] =>
    studies
      .find(study => study.name === name)!
      .ways({ benchmark: findBenchmark(benchmark), answerers: [] })
      .map(way => JSON.stringify(way))
  expect(ways('size', 'pope')).toEqual([])
  expect(ways('size', 'textvqa')).toContain('{"method":"human"}')
  expect(ways('ablations', 'gqa').filter(way => way.includes('highRes'))).toEqual([])
  expect(ways('ablations', 'vstar').filter(way => way.includes('highRes'))).toHaveLength(3)
  expect(ways('answerer', 'vstar')).toEqual([])
})
