import Type from 'typebox'

/** Ours: only of lines that asked for `assigned`. */
export const assignedFields = {
  algorithm_name: Type.Optional(
    Type.String({ description: 'The algorithm that answered a line that asked for assigned' }),
  ),
  experiment: Type.Optional(
    Type.Object(
      { name: Type.String(), version: Type.Integer() },
      { description: 'The experiment that decided; absent where none did' },
    ),
  ),
}
