import { z } from 'zod'
import type { Box } from '../../image/image.ts'
import type { Entry, FileContent, Read, ToQuestion } from '../benchmark.ts'
import type { ImageReference, Problem, Question } from '../question.ts'

// What every benchmark does with the entries of its files.

/**
 * The elements of a file's list.
 *
 * @param key of the list, where the file is an object that holds it
 * @throws an error that names the file, if there is no such list
 */
export function entriesOf({ file, value }: FileContent, key?: string): Entry[] {
  const list = key === undefined ? value : (value as Record<string, unknown> | null)?.[key]
  if (!Array.isArray(list)) {
    const expected = key === undefined ? 'a list' : `an object with the list "${key}"`
    throw new Error(`${file}: is not ${expected}. Is it the file that its name says?`)
  }
  return list.map((element, nth) => ({ value: element, where: `${file}: entry ${nth + 1}`, row: null }))
}

/** Gathers the questions of entries that come one by one. */
export interface Collector {
  /** An entry of which no question can be made is left out and named; so is one whose id was there before. */
  add(entry: Entry): void
  finish(): Read
}

export function collector(toQuestion: ToQuestion): Collector {
  const questions = new Map<string, Question>()
  const problems: Problem[] = []
  const leaveOut = ({ where }: Entry, why: string): number =>
    problems.push({ where, problem: `${why}: left out` })
  return {
    add(entry) {
      const question = toQuestion(entry)
      if (typeof question === 'string') leaveOut(entry, question)
      else if (questions.has(question.id)) leaveOut(entry, `question ${question.id} is there already`)
      else questions.set(question.id, question)
    },
    finish: () => ({ questions: [...questions.values()], problems }),
  }
}

/** The questions of a list of entries; see `Collector.add`. */
export function readEntries(entries: Iterable<Entry>, toQuestion: ToQuestion): Read {
  const gathered = collector(toQuestion)
  for (const entry of entries) gathered.add(entry)
  return gathered.finish()
}

/**
 * Makes a function of a schema and of what to do with entries that fulfil it.
 *
 * @returns a function that gives what `use` gives, or says which field of an entry is not as it should be
 */
export const reading =
  <T, U>(schema: z.ZodType<T>, use: (value: T, entry: Entry) => U): ((entry: Entry) => U | string) =>
  entry => {
    const read = schema.safeParse(entry.value)
    if (read.success) return use(read.data, entry)
    const issue = read.error.issues[0]
    const field = issue?.path.length ? `"${issue.path.join('.')}"` : 'it'
    return `${field} is not as expected (${issue?.message})`
  }

/** A number or a text that names something, as text. */
export const id: z.ZodType<string> = z
  .union([z.int().min(0), z.string().trim().min(1)])
  .transform(value => String(value))

/** What is asked. */
export const questionText: z.ZodType<string> = z.string().trim().min(1)

/** Right answers. The text of one may be empty. */
export const answerList: z.ZodType<string[]> = z.array(z.string()).min(1)

const pixels = z.number().min(0).max(1e6)

/** A box as [x, y, width, height] in pixels of the picture. */
export const boxOfFour: z.ZodType<Box> = z
  .tuple([pixels, pixels, pixels.positive(), pixels.positive()])
  .transform(([x, y, width, height]) => ({ x, y, width, height }))

/**
 * Where the picture of an entry is: in its row, or in the file that it names.
 *
 * @param name of the file below one of the folders of pictures
 * @returns why not, if the name leads anywhere else
 */
export function imageOf(imageId: string, name: string, { row }: Entry): ImageReference | string {
  if (row !== null) return { in: 'parquet', id: imageId, ...row }
  return isInside(name)
    ? { in: 'folder', id: imageId, name }
    : `its picture ${JSON.stringify(name)} is no name of a file below the folder`
}

function isInside(name: string): boolean {
  const parts = name.split('/')
  return !/[\\:\p{Cc}]/u.test(name) && parts.every(part => !['', '.', '..'].includes(part))
}

/** A file's name without its folders and its ending. */
export const stem = (name: string): string => name.replace(/^.*\//, '').replace(/\.[^.]*$/, '')
