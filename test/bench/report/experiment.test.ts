import { describe, expect, it } from 'vitest'
import { gather } from '../../../src/bench/report/experiment.ts'
import { failedNamed, keyNamed, runNamed } from '../sample-row.ts'
import { answered, asked, experimentOf, folderOf, run } from './rows.ts'

const none = { method: 'none' } as const
const relAtt = { method: 'rel-att' } as const

describe('rows are sorted into experiments', () => {
  const otherSettings = { settings: { ...runNamed('').settings, dtype: 'q8' } } as const
  const otherModel = { model: { ...runNamed('').model, hash: keyNamed('another model of that name') } }
  const otherEdition = {
    benchmark: { ...run('', 'demo').benchmark, hash: keyNamed('other questions') },
  }

  it.each([
    ['settings', otherSettings],
    ['model', otherModel],
    ['edition of the questions', otherEdition],
  ])('of each %s for itself', async (_, other) => {
    const rows = ['r1', 'r2'].flatMap(run => answered(asked('1'), [none], ['a'], { run }))
    const runs = [run('r1', 'demo'), run('r2', 'demo', other)]
    const { experiments } = await gather(folderOf(rows, runs), 'official')
    expect(experiments.map(({ questions }) => questions.size)).toEqual([1, 1])
  })

  it('of several runs in the same, as after a stop', async () => {
    const rows = [
      ...answered(asked('1'), [none], ['a']),
      ...answered(asked('2'), [none], ['b'], { run: 'r2' }),
    ]
    const { questions, ways } = await experimentOf(rows, [run('r1', 'demo'), run('r2', 'demo')])
    expect([...questions.keys()]).toEqual(['1', '2'])
    expect(ways.map(({ answers }) => answers.size)).toEqual([2])
  })

  it('with ways in the order of the paper, and what changes them after them', async () => {
    const ways = [
      { method: 'none', answerer: 'gpt' },
      { method: 'centre' },
      { method: 'pure-grad', variant: 'code' },
      { method: 'rel-att', layers: [1, 2] },
      { method: 'random', seed: 1 },
      { method: 'pure-grad' },
      relAtt,
      none,
      { method: 'human' },
      { method: 'rel-att', layers: 'all', highRes: 'off' },
    ] as const
    const experiment = await experimentOf(answered(asked('1'), ways, Array(10).fill('a')))
    expect(experiment.ways.map(({ name }) => name)).toEqual([
      'no crop',
      'rel-att',
      'rel-att, layer 1+2',
      'rel-att, all layers, high-res off',
      'pure-grad',
      'pure-grad, code',
      'human crop',
      'random crop',
      'centre crop',
      'no crop, answered by gpt',
    ])
  })

  it('as one way, however that is spelled', async () => {
    const spelled = [
      relAtt,
      { method: 'rel-att', highRes: undefined },
      { method: 'rel-att', variant: 'paper' },
    ]
    const experiment = await experimentOf(
      spelled.flatMap((way, i) => answered(asked(`${i}`), [way as typeof relAtt], ['a'])),
    )
    expect(experiment.ways.map(({ answers }) => answers.size)).toEqual([3])
  })
})

describe('answers are scored anew', () => {
  it('whatever the row says', async () => {
    const rows = answered(asked('1'), [none, relAtt], ['A.', 'b'], { score: { value: 0.5, read: 'x' } })
    const { ways } = await experimentOf(rows)
    expect(ways.map(({ answers }) => answers.get('1')?.score)).toEqual([
      { value: 1, read: 'a' },
      { value: 0, read: 'b' },
    ])
  })

  it("by the score asked for: the paper's code gives V* 0.3 for a right answer", async () => {
    const question = asked('1', { expected: { type: 'choice', options: ['red', 'blue'], correct: 1 } })
    const rows = answered(question, [none], ['B'], { benchmark: 'vstar' })
    const scored = async (scorer: 'official' | 'code'): Promise<number | null | undefined> => {
      const { experiments } = await gather(folderOf(rows, [run('r1', 'vstar')]), scorer)
      return experiments[0]?.ways[0]?.answers.get('1')?.score.value
    }
    expect(await scored('official')).toBe(1)
    expect(await scored('code')).toBe(0.3)
  })

  it("and left out, with a word, where the paper's code has no score", async () => {
    const { experiments, notes } = await gather(folderOf(answered(asked('1'), [none], ['a'])), 'code')
    expect(experiments).toEqual([])
    expect(notes).toEqual(["demo: the paper's code has no score for it, so it is left out."])
  })
})

it('a question that failed is named with its way', async () => {
  const { failed, questions } = await experimentOf([], [run('r1', 'demo')], [failedNamed('x')])
  expect(failed).toEqual([{ id: '7', way: 'rel-att, layer 1+2', error: 'its picture is broken' }])
  expect(questions.size).toBe(0)
})

it('so is one that ended its workers, whose run nobody described', async () => {
  const failed = { ...failedNamed('x', 'ended 3 workers'), run: 'demo-0123' }
  const { notes } = await gather(folderOf([], [], [failed]), 'official')
  expect(notes).toEqual(['demo, demo: Failed: 7, rel-att, layer 1+2: ended 3 workers'])
})

it('a row whose run is not there is refused', async () => {
  const rows = answered(asked('1'), [none], ['a'], { run: 'lost' })
  await expect(gather(folderOf(rows), 'official')).rejects.toThrow(
    /^row [0-9a-f]{8} is of run lost: runs\/lost\.json is not there\. Copy it too\.$/,
  )
})
