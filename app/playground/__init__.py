"""The playground: a page that shows what the models answer, served beside the API it uses."""
