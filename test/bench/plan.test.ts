import { describe, expect, it } from 'vitest'
import { type Plan, type PlanOptions, planOf } from '../../src/bench/plan.ts'
import type { Question } from '../../src/bench/question.ts'
import { question } from './sample-row.ts'

/** Questions 0, 1, ... about these pictures. */
const about = (...pictures: string[]): Question[] =>
  pictures.map((id, i) => ({ ...question, id: String(i), image: { in: 'folder', id, name: `${id}.png` } }))

const ways = [{ method: 'none' }, { method: 'rel-att' }] as const

const planned = (questions: readonly Question[], more: Partial<PlanOptions> = {}): Plan =>
  planOf(questions, {
    ways,
    keysOf:
      ({ id }) =>
      ({ method }) =>
        `${id} ${method}`,
    isDone: () => false,
    ...more,
  })

/** The questions of each task. */
const idsOf = ({ tasks }: Plan): string[] =>
  tasks.map(({ asked }) => asked.map(({ question: { id } }) => id).join(' '))

describe('a plan', () => {
  it('takes the questions of a picture together, in the order in which pictures come', () => {
    const plan = planned(about('b', 'a', 'b', 'c', 'a'))
    expect(idsOf(plan)).toEqual(['0 2', '1 4', '3'])
    expect(plan).toMatchObject({ total: 10, pending: 10 })
  })

  it('leaves out what is done, way by way', () => {
    const done = ['0 none', '1 none', '1 rel-att', '2 rel-att']
    const plan = planned(about('a', 'b', 'a'), { isDone: key => done.includes(key) })
    expect(idsOf(plan)).toEqual(['0 2'])
    expect(plan.tasks[0]?.asked.map(one => one.ways.map(({ key }) => key))).toEqual([
      ['0 rel-att'],
      ['2 none'],
    ])
    expect(plan).toMatchObject({ total: 6, pending: 2 })
  })

  it('of a limit has the first questions', () => {
    expect(idsOf(planned(about('a', 'b', 'a', 'c'), { limit: 3 }))).toEqual(['0 2', '1'])
  })

  it('of shards has each picture in one of them, also where there are more shards than pictures', () => {
    const questions = about('a', 'b', 'a', 'c', 'd', 'e', 'b')
    for (const of of [1, 2, 3, 5, 8]) {
      const parts = Array.from({ length: of }, (_, i) => planned(questions, { shard: { part: i + 1, of } }))
      expect(parts.flatMap(idsOf)).toEqual(['0 2', '1 6', '3', '4', '5'])
      expect(parts.reduce((sum, { total }) => sum + total, 0)).toBe(14)
    }
  })
})
